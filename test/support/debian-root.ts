/** Debian root file systems as tar archives, made once by mmdebstrap and kept outside the checkout. */
import { execFile } from 'node:child_process'
import { access, mkdir, rename } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Where tests keep what takes long to get. */
export const testCache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'utsuwa-test')

const EXCLUDED = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*']
/** Needed to install packages and by nothing that tests run. */
const REMOVED = ['/usr/share/perl*', '/usr/lib/*/perl*', '/usr/bin/perl*', '/usr/lib/*/gconv', '/var/lib/dpkg/info/*']
/** Beside a shell, what a root has that is put together from a few packages. */
const BASE = ['base-files', 'dash', 'coreutils', 'sed', 'grep']

/** Path of the archive: Debian bookworm's essential packages, without what only their installation needs. The first call needs root and a Debian mirror. */
export function debianRoot(): Promise<string> {
  const excludes = EXCLUDED.map(path => `--dpkgopt=path-exclude=${path}`)
  return archive('debian-small', ['--variant=essential', ...excludes, `--customize-hook=${removal(REMOVED)}`])
}

/** The same for gcc, which compiles and links C, and python3 with a small part of its library. */
export function compilerRoot(): Promise<string> {
  return extracted('debian-compiler', ['gcc', 'libc6-dev', 'python3-minimal'], {
    // Half of gcc: link-time optimization, sanitizers, profiles.
    removed: [
      '/usr/lib/gcc/*/*/lto*',
      '/usr/bin/*lto*',
      '/usr/lib/gcc/*/*/*san*',
      '/usr/lib/*/lib?san*',
      '/usr/lib/*/libgprof*',
    ],
  })
}

/** The same for PostgreSQL: its programs in /usr/lib/postgresql/15/bin, a user `postgres`, and /data, which is empty. */
export function postgresRoot(): Promise<string> {
  return extracted('debian-postgres', ['postgresql-15'], {
    // For compiling queries, which it does without.
    removed: [
      '/usr/lib/*/libLLVM*',
      '/usr/lib/*/libz3*',
      '/usr/lib/postgresql/*/lib/bitcode',
      '/usr/lib/postgresql/*/lib/llvmjit*',
    ],
    hook: 'echo postgres:x:70:70::/data:/bin/sh >"$1"/etc/passwd && install -d -m 700 -o 70 -g 70 "$1"/data',
  })
}

/** Of packages that work without having been configured: unpacked, they are there in half the time. */
function extracted(
  name: string,
  packages: readonly string[],
  { removed, hook = 'true' }: { removed: readonly string[]; hook?: string },
): Promise<string> {
  const unused = [...EXCLUDED, ...REMOVED, '/usr/share/i18n', '/usr/share/perl5', ...removed]
  const include = `--include=${[...BASE, ...packages].join(',')}`
  return archive(name, ['--variant=extract', include, `--extract-hook=${removal(unused)}`, `--extract-hook=${hook}`])
}

const removal = (paths: readonly string[]): string => `rm -rf ${paths.map(path => `"$1"${path}`).join(' ')}`

const archives = new Map<string, Promise<string>>()

/** Two calls of this process share one. */
function archive(name: string, options: readonly string[]): Promise<string> {
  const made = archives.get(name) ?? makeArchive(name, options)
  archives.set(name, made)
  return made
}

async function makeArchive(name: string, options: readonly string[]): Promise<string> {
  const path = join(testCache, `${name}.tar`)
  const exists = await access(path).then(
    () => true,
    () => false,
  )
  if (exists) return path
  await mkdir(testCache, { recursive: true })
  // By process, so that two test runs that start together both end with a whole archive.
  const partial = join(testCache, `${name}.${process.pid}.tar`)
  await run('mmdebstrap', ['--quiet', ...options, 'bookworm', partial], { timeout: 600_000 })
  await rename(partial, path)
  return path
}
