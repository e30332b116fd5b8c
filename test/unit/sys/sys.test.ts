/** The system calls that need no privileges, against the kernel itself. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { UtsuwaError } from '../../../src/errors.ts'
import { waitReadable } from '../../../src/launch/readable.ts'
import { constants, sys } from '../../../src/sys/index.ts'
import { errnos } from '../../../src/util/errno.ts'

const directory = mkdtempSync(join(tmpdir(), 'utsuwa-sys-'))
after(() => rmSync(directory, { recursive: true }))

function errnoOf(action: () => unknown): number | undefined {
  try {
    action()
  } catch (error) {
    assert.ok(error instanceof UtsuwaError, String(error))
    return error.errno
  }
  return undefined
}

test('a sealed memfd has its content, cannot be changed, and is closed by an exec', () => {
  const content = Buffer.from('content')
  const fd = sys.sealedMemfd('name', content)
  const read = Buffer.alloc(16)
  assert.equal(readSync(fd, read), content.length)
  assert.throws(() => writeSync(fd, 'x'), { code: 'EBADF' })
  const writable = openSync(`/proc/self/fd/${fd}`, 'r+')
  assert.throws(() => writeSync(writable, 'x'), { code: 'EPERM' })
  assert.throws(() => ftruncateSync(writable, 1), { code: 'EPERM' })
  closeSync(writable)
  assert.match(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'), /flags:\s+0?2\d*000/m)
  closeSync(fd)
})

test('openat2 stays inside the root', () => {
  mkdirSync(join(directory, 'root'))
  writeFileSync(join(directory, 'outside'), 'secret')
  symlinkSync('/outside', join(directory, 'root/absolute'))
  const root = openSync(join(directory, 'root'), constants.O_DIRECTORY)
  const open = (path: string) => () => sys.openat2(root, path, constants.O_RDONLY, 0, constants.RESOLVE_IN_ROOT)
  assert.equal(errnoOf(open('../outside')), errnos.ENOENT)
  assert.equal(errnoOf(open('absolute')), errnos.ENOENT)
  closeSync(root)
})

test('an error carries the operation, the path and the errno', () => {
  assert.throws(() => sys.openat2(constants.AT_FDCWD, '/does/not/exist', 0, 0, 0), {
    code: 'KERNEL_OPERATION_FAILED',
    message: 'open /does/not/exist: ENOENT (no such file or directory)',
    path: '/does/not/exist',
    errno: errnos.ENOENT,
  })
})

test('what C cannot take is refused before it gets there', () => {
  assert.equal(
    errnoOf(() => sys.openat2(constants.AT_FDCWD, 'a\0b', 0, 0, 0)),
    errnos.EINVAL,
  )
  assert.equal(
    errnoOf(() => sys.openat2(constants.AT_FDCWD, 'x'.repeat(5000), 0, 0, 0)),
    errnos.EINVAL,
  )
})

test('flock: taken means false, not an error', () => {
  const [first, second] = [openSync(directory, 'r'), openSync(directory, 'r')]
  assert.equal(sys.flock(first, constants.LOCK_EX | constants.LOCK_NB), true)
  assert.equal(sys.flock(second, constants.LOCK_EX | constants.LOCK_NB), false)
  closeSync(first)
  assert.equal(sys.flock(second, constants.LOCK_EX | constants.LOCK_NB), true)
  closeSync(second)
})

test('messages and descriptors go through a socket pair; its end is an empty message', () => {
  const [ours, theirs] = sys.socketpair('seqpacket')
  assert.equal(sys.receive(theirs), undefined, 'nothing there yet')
  const file = openSync(join(directory), 'r')
  sys.send(ours, Buffer.from('one'), file)
  sys.send(ours, Buffer.from('two'))
  const one = sys.receive(theirs)
  assert.equal(one?.data.toString(), 'one')
  assert.ok(one?.fd !== undefined && one.fd !== file)
  assert.match(readFileSync(`/proc/self/fdinfo/${one.fd}`, 'utf8'), /flags:\s+0?2\d{6}/m, 'close-on-exec')
  assert.deepEqual(sys.receive(theirs), { data: Buffer.from('two'), fd: undefined })
  closeSync(ours)
  assert.deepEqual(sys.receive(theirs), { data: Buffer.alloc(0), fd: undefined })
  for (const fd of [theirs, file, one.fd]) closeSync(fd)
})

test('a peer that is gone is an error, not a signal that ends the process', () => {
  const [ours, theirs] = sys.socketpair('seqpacket')
  closeSync(theirs)
  assert.equal(
    errnoOf(() => sys.send(ours, Buffer.from('x'))),
    errnos.EPIPE,
  )
  closeSync(ours)
})

test('a socket in a directory whose path is longer than an address may be', () => {
  const deep = join(directory, 'd'.repeat(120))
  mkdirSync(deep)
  const fd = openSync(deep, 'r')
  const listener = sys.listen('seqpacket', fd, 'gate.sock')
  const client = sys.connect('seqpacket', join(deep, 'gate.sock'))
  for (const open of [fd, listener, client]) closeSync(open)
  assert.equal(
    errnoOf(() => sys.connect('seqpacket', join(deep, 'gate.sock'))),
    errnos.ECONNREFUSED,
  )
})

test('a pidfd tells when its process has ended, and how', async () => {
  const child = spawn('/bin/sleep', ['100'])
  await once(child, 'spawn')
  const pidfd = sys.pidfdOpen(child.pid!)
  const ended = waitReadable(pidfd).then(() => 'ended')
  assert.equal(await Promise.race([ended, sleep(20, 'waiting')]), 'waiting')
  assert.equal(sys.pidfdSendSignal(pidfd, 0), true)
  assert.equal(sys.pidfdSendSignal(pidfd, 9), true)
  assert.equal(await ended, 'ended')
  await once(child, 'exit')
  assert.equal(sys.pidfdSendSignal(pidfd, 9), false, 'nobody is left to signal')
  closeSync(pidfd)
})

test('watching a pipe: called back for data and for its end, and not any more once closed', async () => {
  const [read, write] = sys.pipe()
  let calls = 0
  const watch = sys.watch(read, () => {
    calls++
    readSync(read, Buffer.alloc(8))
  })
  writeSync(write, 'x')
  while (calls < 1) await sleep(1)
  closeSync(write)
  while (calls < 2) await sleep(1)
  watch.close()
  watch.close()
  closeSync(read)
  const seen = calls
  await sleep(10)
  assert.equal(calls, seen)
})

test('hundreds of descriptors are watched without a thread each', async () => {
  const threads = () => Number(/^Threads:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
  const before = threads()
  const pipes = Array.from({ length: 300 }, () => sys.pipe())
  const waiting = pipes.map(([read]) => waitReadable(read))
  assert.equal(threads(), before)
  for (const [, write] of pipes) closeSync(write)
  await Promise.all(waiting)
  for (const [read] of pipes) closeSync(read)
})
