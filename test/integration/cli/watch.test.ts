/** The live view of a container: `stats --watch` and `run --watch`, on a terminal and without one. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { type Background, makeBusyboxRoot, openWorkplace, runBeside, utsuwaPath } from '../../support/command-line.ts'
import { until } from '../../support/until.ts'

const workplace = openWorkplace()
const rootfs = makeBusyboxRoot(workplace.directory)
let idle: Background

before(async () => {
  const limits = ['-m', '32m', '--cpus', '0.5', '--pids-limit', '16']
  idle = await runBeside(workplace, 'idle', ...limits, '--rootfs', rootfs, 'sh', '-c', 'echo ready; sleep 1000')
})
after(async () => {
  await idle[Symbol.asyncDispose]()
  workplace[Symbol.dispose]()
})

/** What begins each drawing, and what takes the terminal over and gives it back. */
const BEGIN = '\u001B[?2026h\u001B[H'
const ENTER = '\u001B[?1049h'
const LEAVE = '\u001B[?1049l'

const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

class Terminal implements Disposable {
  output = ''
  readonly ended: Promise<unknown[]>
  readonly #child

  /** A terminal of 80×24 in which a shell tells its name and its settings, before the command and after it. */
  constructor(args: readonly string[], variables: Readonly<Record<string, string>> = {}) {
    const settings = Object.entries({ TERM: 'xterm', LC_ALL: 'C.UTF-8', ...variables })
    const command = ['env', ...settings.map(pair => pair.join('=')), utsuwaPath, ...workplace.argv(...args)]
    const script = `stty rows 24 cols 80; tty; stty -g; ${command.map(quote).join(' ')}; echo "status $?"; stty -g`
    this.#child = spawn('script', ['-qec', script, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.ended = once(this.#child, 'close')
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.output += text
    })
  }

  type(keys: string): void {
    this.#child.stdin.write(keys)
  }

  resize(columns: number, rows: number): void {
    const [tty = ''] = /\/dev\/pts\/\d+/.exec(this.output) ?? []
    const { status, stderr } = spawnSync('stty', ['-F', tty, 'rows', String(rows), 'cols', String(columns)])
    assert.equal(status, 0, String(stderr))
  }

  /** The drawings that are complete, each as its lines. */
  get frames(): string[][] {
    const parts = this.output.split(BEGIN).slice(1, -1)
    return parts.map(part => stripVTControlCharacters(part.split('\u001B[?2026l')[0]!).split('\r\n'))
  }

  async drawn(what: string, isIt: (lines: string[]) => boolean): Promise<string[]> {
    try {
      return await until(what, () => this.frames.find(isIt))
    } catch (error) {
      throw new Error(`on the terminal: ${JSON.stringify(this.output)}`, { cause: error })
    }
  }

  /** What came after the terminal was given back. */
  get rest(): string {
    return this.output.slice(this.output.lastIndexOf(LEAVE) + LEAVE.length)
  }

  [Symbol.dispose](): void {
    this.#child.kill()
  }
}

function assertFits(frames: readonly string[][], columns: number, rows: number): void {
  for (const lines of frames) {
    assert.ok(lines.length <= rows, lines.join('\n'))
    for (const line of lines) assert.ok(line.length < columns, line)
  }
}

/** The settings of the terminal, before and after. */
function assertRestored({ output, rest }: Terminal): void {
  const [first, last] = [...`${output.split(ENTER)[0]}${rest}`.matchAll(/^[0-9a-f]+(?::[0-9a-f]+){10,}/gm)].map(String)
  assert.ok(first !== undefined && first === last, output)
  assert.equal(output.split(ENTER).length, output.split(LEAVE).length)
}

test('stats --watch draws limits and use, follows the size of the terminal, and gives it back at q', async () => {
  using terminal = new Terminal(['stats', '--watch', '--interval', '0.1', 'idle'])
  const isWhole = (lines: string[]): boolean => lines.some(line => /^throttled \d/.test(line))
  const lines = await terminal.drawn('a drawing', isWhole)
  assert.match(lines[0]!, /^idle [0-9a-f]{12}, up .* q leaves$/)
  for (const row of [/^memory +\S+ of 32MiB +\d+% .*▁/, /^cpu +\S+ of 0.50 +\d+% +weight 100/, /^pids +\d+ of 16 /])
    assert.ok(
      lines.some(line => row.test(line)),
      `${row} in ${lines.join('\n')}`,
    )
  assertFits(terminal.frames, 80, 24)
  terminal.resize(40, 10)
  await terminal.drawn('a smaller drawing', lines => lines.length <= 10 && lines.every(line => line.length < 40))
  terminal.type('q')
  await terminal.ended
  assert.match(terminal.rest, /^idle goes on after .*: memory peak \S+ of 32MiB, .*\r\nstatus 0\r\n/)
  assertRestored(terminal)
})

test('^C leaves it by the signal; ASCII without a locale; no colours with NO_COLOR', async () => {
  using terminal = new Terminal(['stats', '--watch', '--interval', '0.1', 'idle'], { LC_ALL: 'C', NO_COLOR: '1' })
  await terminal.drawn('a drawing', lines => lines.some(line => /^memory .*[_.:]$/.test(line)))
  terminal.type('\u0003')
  await terminal.ended
  assert.match(terminal.rest, /^idle goes on .*\r\nstatus 130\r\n/)
  assert.match(terminal.output.replaceAll('\u001B', ''), /^[\r\n\x20-\x7e]+$/)
  assert.ok(!terminal.output.includes('\u001B[0m'))
  assertRestored(terminal)
})

test('a dumb terminal, and what is none, gets lines', async () => {
  using terminal = new Terminal(['stats', '--watch', '--interval', '0.1', 'idle'], { TERM: 'dumb' })
  await until('lines', () => /memory \S+ of 32MiB [^\n]*\n[^\n]*cpu \d/.test(terminal.output))
  assert.ok(!terminal.output.includes('\u001B'))
  terminal.type('\u0003')
  await terminal.ended
  const child = spawn(utsuwaPath, workplace.argv('stats', '--watch', '--interval', '0.1', 'idle'))
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
  assert.match(chunk.toString(), /^\d\d:\d\d:\d\d memory \S+ of 32MiB/)
  child.kill()
  await once(child, 'close')
})

const EATER = `echo hello; (exec awk 'BEGIN { s = "x"; for (;;) s = s s }'); echo after $? >&2; while :; do sleep 1; done`

test('run --watch shows what the kernel does and what the container prints, and says how it ended', async () => {
  const limits = ['-m', '16m', '--memory-swap', '16m', '--pids-limit', '16']
  const words = ['run', '--rm', '--watch', '--name', 'eater', ...limits, '--rootfs', rootfs, 'sh', '-c', EATER]
  using terminal = new Terminal(words)
  await terminal.drawn(
    'an event, and the output',
    lines => lines.some(line => line.includes('oom_kill: a process killed')) && lines.includes('after 137'),
  )
  assertFits(terminal.frames, 80, 24)
  // Elsewhere it is to be seen as well, and ends there too.
  using other = new Terminal(['stats', '--watch', '--interval', '0.1', 'eater'])
  await other.drawn('a drawing', lines => lines[0]!.startsWith('eater'))
  await workplace.utsuwa('kill', 'eater')
  await Promise.all([terminal.ended, other.ended])
  const ending = /^eater ended with exit status 137 \(signal 9\) after .*: memory peak 16MiB of 16MiB, 1 killed/
  assert.match(terminal.rest.replace(/^(hello|Killed|after 137)\r\n/gm, ''), ending)
  assert.match(terminal.rest, /hello\r\n/)
  assert.match(terminal.rest, /status 137\r\n/)
  assert.match(other.rest, ending)
  assertRestored(terminal)
  assertRestored(other)
})

test('run --watch: q leaves the view and not the container, whose output then goes on as ever', async () => {
  const script = "trap 'echo two; exit 3' USR1; echo one; while :; do sleep 0.1; done"
  using terminal = new Terminal(['run', '--watch', '--name', 'quitter', '--rootfs', rootfs, 'sh', '-c', script])
  await terminal.drawn('its output', lines => lines.includes('one'))
  terminal.type('q')
  await until('the terminal given back', () => terminal.output.includes(LEAVE))
  await workplace.utsuwa('kill', '-s', 'USR1', 'quitter')
  await terminal.ended
  assert.match(
    terminal.rest,
    /^one\r\nquitter goes on .*\r\ntwo\r\nquitter ended with exit status 3 .*\r\nstatus 3\r\n/,
  )
  assertRestored(terminal)
})

test('run --watch without a terminal tells it in lines, on standard error', async () => {
  const words = ['run', '--rm', '--watch', '--rootfs', rootfs, 'sh', '-c', 'echo out; exit 4']
  const { exitCode, stdout, stderr } = await workplace.utsuwa(...words)
  assert.deepEqual([exitCode, stdout], [4, 'out\n'])
  assert.match(stderr, /^\d\d:\d\d:\d\d .*cpu .*\n[0-9a-f]{12} ended with exit status 4 after/)
})
