/** `utsuwa exec`: streams, users, exit statuses, and a terminal in tmux. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeBusyboxRoot, openWorkplace, runBeside, utsuwaPath, type Workplace } from '../../support/command-line.ts'
import { until } from '../../support/until.ts'

const IDLE = ['sh', '-c', 'echo ready; while :; do sleep 1000; done']

test('a command has the streams, the user, the directory and the variables that are asked for', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  await using _box = await runBeside(workplace, 'box', '-e', 'A=own', '--rootfs', rootfs, ...IDLE)
  const child = spawn(
    utsuwaPath,
    workplace.argv(
      'exec',
      '-i',
      '-u',
      '7:8',
      '-w',
      '/tmp',
      '-e',
      'B=given',
      'box',
      'sh',
      '-c',
      'cat; id; pwd; echo $A $B',
    ),
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  let output = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  child.stdin.end('typed\n')
  assert.deepEqual(await once(child, 'close'), [0, null])
  assert.equal(output, 'typed\nuid=7 gid=8 groups=8\n/tmp\nown given\n')
  assert.deepEqual(await workplace.utsuwa('exec', 'box', 'cat'), { exitCode: 0, stdout: '', stderr: '' })
})

test('the exit status is the command’s, or says why there is none', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  await using _box = await runBeside(workplace, 'box', '--rootfs', rootfs, ...IDLE)
  const status = async (...words: string[]) => (await workplace.utsuwa('exec', ...words)).exitCode
  assert.equal(await status('box', 'sh', '-c', 'exit 9'), 9)
  assert.equal(await status('box', 'sh', '-c', 'kill -9 $$'), 137)
  assert.equal(await status('box', 'no-such-command'), 127)
  assert.equal(await status('box', '/etc'), 126)
  assert.equal(await status('nobody', 'true'), 125)
  assert.match((await workplace.utsuwa('exec', '-it', 'box', 'sh')).stderr, /standard input is no terminal/)
  assert.match((await workplace.utsuwa('exec', '-dt', 'box', 'sh')).stderr, /leave out -t/)
})

test('a detached command goes on when its caller has ended; a privileged one has all capabilities', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  await using _box = await runBeside(workplace, 'box', '--rootfs', rootfs, ...IDLE)
  const script = 'grep CapEff /proc/self/status >/tmp/caps; sleep 1; echo done >/tmp/done'
  assert.deepEqual(await workplace.utsuwa('exec', '-d', '--privileged', 'box', 'sh', '-c', script), {
    exitCode: 0,
    stdout: '',
    stderr: '',
  })
  await until('the detached command is done', async () => {
    const { stdout } = await workplace.utsuwa('exec', 'box', 'cat', '/tmp/done')
    return stdout === 'done\n'
  })
  const { stdout } = await workplace.utsuwa('exec', 'box', 'cat', '/tmp/caps')
  const own = /CapPrm:\s*(\S+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]!
  assert.equal(BigInt(`0x${/CapEff:\s*(\S+)/.exec(stdout)![1]}`), BigInt(`0x${own}`))
})

/** A shell of `exec -it` in a window of tmux. */
class Window implements Disposable {
  readonly #socket: string

  constructor(workplace: Workplace, columns: number, rows: number) {
    this.#socket = join(workplace.directory, 'tmux')
    const words = [utsuwaPath, ...workplace.argv('exec', '-it', 'box', 'sh')]
    // The window stays open behind it.
    const command = ['sh', '-c', '"$@"; echo status $?; exec cat', 'sh', ...words]
    this.tmux('-f', '/dev/null', 'new-session', '-d', '-x', String(columns), '-y', String(rows), ...command)
  }

  tmux(...words: string[]): string {
    const env = { ...process.env, TERM: 'xterm', LC_ALL: 'C.UTF-8' }
    return execFileSync('tmux', ['-S', this.#socket, ...words], { encoding: 'utf8', env })
  }

  type(text: string): void {
    this.tmux('send-keys', '-l', text)
    this.tmux('send-keys', 'Enter')
  }

  shows(pattern: RegExp): Promise<boolean> {
    return until(`the window shows ${pattern}`, () => pattern.test(this.tmux('capture-pane', '-p')))
  }

  [Symbol.dispose](): void {
    this.tmux('kill-server')
  }
}

test('a terminal has its size, is told of a new one, and passes keys on', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  await using _box = await runBeside(workplace, 'box', '--rootfs', rootfs, ...IDLE)
  using window = new Window(workplace, 90, 30)
  await window.shows(/#/)
  window.type('stty size; tty')
  await window.shows(/^30 90\n\/dev\/pts\/\d+/m)
  window.tmux('resize-window', '-x', '71', '-y', '17')
  window.type('stty size')
  await window.shows(/^17 71$/m)
  // Ctrl-C reaches what runs in front, and the shell lives on.
  window.type('sleep 1000')
  window.tmux('send-keys', 'C-c')
  window.type('echo st$((1+1))ll')
  await window.shows(/^st2ll$/m)
  window.type('exit 5')
  await window.shows(/^status 5$/m)
})
