/** What a container is given: streams, descriptors, a terminal; and the pid file that says it is there. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sys } from '../../../src/sys/index.ts'
import { listenForConsole, readTerminal } from './console-socket.ts'
import { isOurs, Playground, RUNTIME } from './runtime.ts'

test('the streams of create are those of the container', async t => {
  const ground = new Playground(t)
  ground.configure(['sh', '-c', 'cat; echo err >&2'])
  const input = join(ground.directory, 'in')
  writeFileSync(input, 'hello\n')
  const [stdin, stdout, stderr] = [
    openSync(input, 'r'),
    openSync(join(ground.directory, 'out'), 'w'),
    openSync(join(ground.directory, 'err'), 'w'),
  ]
  const id = await ground.create([], { stdio: [stdin, stdout, stderr] })
  for (const fd of [stdin, stdout, stderr]) closeSync(fd)
  await ground.succeed(['start', id])
  await ground.waitFor(id, 'stopped')
  assert.equal(readFileSync(join(ground.directory, 'out'), 'utf8'), 'hello\n')
  assert.equal(readFileSync(join(ground.directory, 'err'), 'utf8'), 'err\n')
})

test('create lets go of the streams: a reader sees the end when the container ends', async t => {
  const ground = new Playground(t)
  ground.configure(['echo', 'x'])
  const [read, write] = sys.pipe()
  const id = await ground.create([], { stdio: ['ignore', write] })
  closeSync(write)
  await ground.succeed(['start', id])
  assert.equal(readFileSync(read, 'utf8'), 'x\n')
  closeSync(read)
})

test('the container sees descriptors 0 to 2 and no more', async t => {
  const ground = new Playground(t)
  ground.configure(['sh', '-c', 'for fd in /proc/$$/fd/*; do [ ! -L $fd ] || echo $fd; done'])
  const { stdout } = await ground.succeed(['run', '-b', ground.bundle, ground.newId()])
  assert.deepEqual(
    stdout
      .trim()
      .split('\n')
      .map(path => Number(path.split('/').at(-1)))
      .filter(fd => fd > 2 && fd !== 10), // busybox's shell opens 10 itself
    [],
  )
})

test('--preserve-fds passes descriptors from 3 on', async t => {
  const ground = new Playground(t)
  const path = join(ground.directory, 'file')
  writeFileSync(path, 'from outside\n')
  ground.configure(['cat', '/proc/self/fd/3'])
  const fd = openSync(path, 'r')
  t.after(() => closeSync(fd))
  const words = ['run', '-b', ground.bundle, '--preserve-fds', '1', ground.newId()]
  assert.equal(
    (await ground.succeed(words, { stdio: ['ignore', undefined!, undefined!, fd] })).stdout,
    'from outside\n',
  )
})

test('sockets that a service manager passes go on to the container, and those of somebody else do not', t => {
  const ground = new Playground(t)
  ground.configure(['sh', '-c', 'echo "$LISTEN_FDS $LISTEN_PID"; cat <&3 2>/dev/null'])
  const run = (pid: string): string => {
    const line = `exec 3</etc/hostname; LISTEN_FDS=1 LISTEN_PID=${pid} exec "$@"`
    const words = ['--root', ground.stateRoot, 'run', '-b', ground.bundle, ground.newId()]
    return execFileSync('sh', ['-c', line, 'sh', RUNTIME, ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }
  assert.equal(run('$$'), `1 1\n${readFileSync('/etc/hostname', 'utf8')}`)
  assert.throws(() => run('1'), { stdout: ' \n' }) // there is no descriptor 3 to read
})

test('--preserve-fds refuses what the caller has not passed', {
  skip: !isOurs && 'runc passes on what it finds',
}, async t => {
  const ground = new Playground(t)
  ground.configure(['true'])
  const { status, stderr } = await ground.call(['run', '-b', ground.bundle, '--preserve-fds', '3', ground.newId()])
  assert.equal(status, 1)
  assert.match(stderr, /cannot preserve descriptor 3/)
})

test('the pid file holds the number alone, and is readable by all', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const path = join(ground.directory, 'pid')
  writeFileSync(path, 'old')
  const id = await ground.create(['--pid-file', path])
  assert.equal(readFileSync(path, 'utf8'), String((await ground.state(id)).pid))
  assert.equal(statSync(path).mode & 0o777, 0o644)
})

test('a relative pid file is relative to the working directory', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = await ground.create(['--pid-file', 'my.pid'], { cwd: ground.directory })
  assert.equal(readFileSync(join(ground.directory, 'my.pid'), 'utf8'), String((await ground.state(id)).pid))
})

test('a terminal arrives at the console socket, and the container has the other end', async t => {
  const ground = new Playground(t)
  ground.configure(['sh', '-c', 'tty; stty size'], spec => {
    spec.process!.terminal = true
    spec.process!.consoleSize = { height: 33, width: 99 }
  })
  await using consoleSocket = await listenForConsole(join(ground.directory, 'console.sock'))
  const id = await ground.create(['--console-socket', consoleSocket.path])
  const master = await consoleSocket.receive()
  await ground.succeed(['start', id])
  const output = await readTerminal(master)
  assert.match(output, /^\/dev\/(pts\/0|console)\r?\n/)
  if (isOurs) assert.match(output, /33 99/) // runc 1.1 ignores consoleSize when it has a console socket
})

test('a terminal without a console socket is refused by create, and the reverse', async t => {
  const ground = new Playground(t)
  ground.configure(['sh'], spec => {
    spec.process!.terminal = true
  })
  const refused = await ground.call(['create', '-b', ground.bundle, ground.newId()])
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /cannot allocate tty if \S+ will detach without setting console socket/)
  ground.configure(['sh'])
  const reverse = await ground.call(['create', '-b', ground.bundle, '--console-socket', '/nowhere', ground.newId()])
  assert.equal(reverse.status, 1)
  assert.match(reverse.stderr, /cannot use console socket if \S+ will not detach or allocate tty/)
})
