/** Calls and words that have no place in the project, each with the reason, which is part of the failure. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findLines, projectFiles, readText } from './source-files.ts'

/** Asserts that no line of the files matches. Comments count too: an example that must not be followed misleads. */
function ban(files: readonly string[], pattern: RegExp, reason: string): void {
  const found = files.flatMap(file => findLines(file, pattern))
  assert.ok(found.length === 0, [reason, ...found].join('\n'))
}

/** A call of one of these C functions; a longer name that ends the same is not meant, nor is a manual page. */
const call = (...names: string[]): RegExp => new RegExp(`(?<![\\w.>])(?:${names.join('|')})\\s*\\((?!\\d\\))`)

const nativeBans: [RegExp, string][] = [
  [
    call('strcpy', 'strcat', 'stpcpy', 'wcscpy', 'gets'),
    'writes past the end of a buffer; snprintf or memcpy with a length',
  ],
  [call('sprintf', 'vsprintf'), 'writes past the end of a buffer; snprintf, and check what it returns'],
  [call('strncpy', 'strncat'), 'may leave a string without its NUL; snprintf, and check what it returns'],
  [
    call('scanf', 'sscanf', 'fscanf', 'atoi', 'atol', 'atoll'),
    'overflow is undefined and goes unnoticed; strtol and check errno',
  ],
  [
    call('system', 'popen', 'execlp', 'execvp', 'execvpe'),
    'runs a shell or searches PATH, which may be the container’s',
  ],
  [call('alloca'), 'a large size skips the guard page of the stack'],
  [
    call('setjmp', 'longjmp', 'sigsetjmp', 'siglongjmp'),
    'leaves descriptors open and the parent’s memory, which vfork shares, in between',
  ],
  [call('tmpnam', 'tempnam', 'mktemp'), 'a name that someone else can take first; memfd_create or O_TMPFILE'],
  [call('access', 'faccessat'), 'tells about a moment that is over when the answer is used; open it and look'],
  [
    call('realpath', 'canonicalize_file_name'),
    'the path may mean another file afterwards; openat2 with RESOLVE_IN_ROOT',
  ],
  [call('strtok'), 'keeps its place in a global variable'],
  [
    call('getpwnam', 'getpwuid', 'getgrnam', 'getgrgid', 'dlopen'),
    'loads libraries, in a container those of the image (CVE-2019-14271)',
  ],
]

const nativeFiles = projectFiles('native').filter(file => /\.[ch]$/.test(file))
for (const [pattern, reason] of nativeBans)
  test(`native code does without ${pattern.source.match(/\?:([^)]*)/)?.[1]?.replaceAll('|', ', ')}`, () => {
    ban(nativeFiles, pattern, reason)
  })

const library = projectFiles('src').filter(file => file.endsWith('.ts') && !file.startsWith('src/cli/'))

test('the library never exits', () => {
  ban(
    library,
    /process\.(exit\(|exitCode|abort\()/,
    'a library that ends the process takes its caller along: throw an UtsuwaError',
  )
})

test('the library never prints', () => {
  ban(
    library,
    /process\.(stdout|stderr)\.write|console\.\w+\(/,
    'output belongs to the caller: return it or report progress',
  )
})

test('nothing is opened by a PID alone', () => {
  const holdsPidfds = ['src/launch/process-files.ts', 'src/runtime/state/first-process.ts']
  // They ask about a number; status.ts and explain-process.ts look again afterwards whether it is still the same process.
  const asksAgain = ['src/diagnosis/explain/namespaces-of.ts', 'src/runtime/state/status.ts']
  ban(
    projectFiles('src').filter(file => ![...holdsPidfds, ...asksAgain].includes(file)),
    /\/proc\/\$\{(?!process\.pid)[^}]*\}\/(?:root|ns|cwd|fd|fdinfo|exe|map_files|mem|net|[ug]id_map|task)\b|'\/proc', ?String\(/,
    'the number may be another process’s by then: openOfInit of src/runtime/state/first-process.ts, which has a pidfd',
  )
})

test('no statement is left for later', () => {
  const files = projectFiles().filter(file => /^(src|native|test|tools|bench|examples)\//.test(file))
  ban(files, /\b(?:TO[D]O|FIX[M]E|XX[X])\b/, 'do it, or say in SCOPE.md that it is not done')
})

test('the text speaks of nothing outside the project', () => {
  const files = projectFiles().filter(file => !/package-lock\.json$/.test(file))
  // Written so that the pattern does not match itself.
  ban(files, /(?<![\w./-])\/(?:wor[k]|hom[e])\/\w|\.\.\/share[d]\b/, 'a path of one machine')
  ban(files, /registry\.npmj[s]\.org/, 'people configure their own registry')
})

test('decision records are cited as ADR-0004', () => {
  const files = projectFiles().filter(file => /\.(?:md|ts|[ch])$/.test(file))
  ban(files, /\bADR[ -](?!\d{4}\b)\d/, 'one spelling finds them all')
})

test('links in documents lead to files', () => {
  const known = new Set(projectFiles())
  const folders = new Set(
    [...known].flatMap(file => file.split('/').map((_, index, parts) => parts.slice(0, index).join('/'))),
  )
  const broken = projectFiles()
    .filter(file => file.endsWith('.md'))
    .flatMap(file =>
      [...readText(file).matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)].flatMap(([, link = '']) => {
        const target = new URL(link, `file:///${file}`).pathname.slice(1).replace(/\/$/, '')
        return known.has(target) || folders.has(target) ? [] : [`${file}: ${link}`]
      }),
    )
  assert.deepEqual(broken, [])
})

/** As GitHub makes it of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')

test('links to headings lead to one', () => {
  const links = projectFiles()
    .filter(file => file.endsWith('.md'))
    .flatMap(file =>
      [...readText(file).matchAll(/\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)/g)].map(([, path = '', anchor]) => ({
        link: `${file}: ${path}#${anchor}`,
        target: path === '' ? file : new URL(path, `file:///${file}`).pathname.slice(1),
        anchor,
      })),
    )
  assert.ok(links.length > 5)
  const broken = links.filter(
    ({ target, anchor }) =>
      ![...readText(target).matchAll(/^#+ (.*)$/gm)].some(([, text = '']) => anchorOf(text) === anchor),
  )
  assert.deepEqual(
    broken.map(({ link }) => link),
    [],
  )
})

test('files stay short enough to be read in one sitting', () => {
  const limit = 500
  const long = [...projectFiles('src'), ...nativeFiles]
    .filter(file => !/\bgenerated by\b/i.test(readText(file).slice(0, 400)))
    .map(file => ({ file, lines: readText(file).split('\n').length }))
    .filter(({ lines }) => lines > limit)
  assert.deepEqual(long, [], `more than ${limit} lines: find the second subject in it`)
})
