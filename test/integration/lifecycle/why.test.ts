/** Containers that die on purpose, and what `why` says of each. Needs cgroup v2 with the controllers memory and pids. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  type CauseCode,
  type CreateOptions,
  create,
  killContainer,
  run,
  startContainer,
  stopContainer,
  type Why,
  waitForContainer,
  why,
} from '../../../src/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'

const sandbox = makeSandbox()
const { rootfs, runRoot, scratch } = sandbox
const roots = { root: join(scratch, 'store'), runRoot }
after(() => sandbox[Symbol.dispose]())

let count = 0

/** A container runs to its end and is kept. @param end what is done to it once it runs */
async function die(options: CreateOptions, end?: (name: string, pid: number) => unknown): Promise<Why> {
  const name = options.name ?? `death-${++count}`
  const container = await create({ ...roots, rootfs, name, stdio: 'ignore', ...options })
  await container.start()
  // Of one in the foreground it is this process that notes the end.
  const ended = container.wait()
  await end?.(name, container.pid)
  await ended
  return why(name, { runRoot })
}

/** A detached one, whose log is kept. */
function speak(script: string, options: CreateOptions = {}): Promise<Why> {
  return die({ args: ['sh', '-c', script], detached: true, ...options })
}

function assertCause(answer: Why, code: CauseCode, words: RegExp, confidence?: Why['confidence']): void {
  assert.equal(answer.code, code, JSON.stringify(answer, undefined, 2))
  const text = [answer.summary, ...answer.evidence.map(each => each.text), ...answer.advice].join('\n')
  assert.match(text, words)
  if (confidence !== undefined) assert.equal(answer.confidence, confidence)
}

const TOO_MUCH = ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=200M', 'count=1']
const SLEEP = ['sleep', '1000']

/** A program of one line of C, below /bin of the root. */
function compile(name: string, code: string, ...flags: string[]): void {
  const source = join(scratch, `${name}.c`)
  writeFileSync(source, code)
  execFileSync('musl-gcc', [...flags, '-o', join(rootfs, 'bin', name), source])
}

test('oom-own-limit: the limit and its size', async () => {
  const answer = await die({ args: TOO_MUCH, memory: '32MiB', detached: true })
  assertCause(answer, 'oom-own-limit', /its memory limit of 32 MiB[\s\S]*oom_kill 1[\s\S]*--memory 64m/, 'certain')
  assert.deepEqual([answer.exitCode, answer.signal], [137, 'SIGKILL'])
})

test('oom-own-limit: a child was killed, and the shell passed that on', async () => {
  assertCause(
    await speak(`${TOO_MUCH.join(' ')}; exit $?`, { memory: '32MiB' }),
    'oom-own-limit',
    /killed a process of/,
  )
})

test('oom-ancestor-limit: the path of the cgroup above, whose limit it was', async t => {
  const parent = '/sys/fs/cgroup/why-test'
  mkdirSync(parent)
  t.after(() => rmdirSync(parent))
  const warm = await create({ ...roots, rootfs, args: SLEEP, memory: '64MiB', cgroupParent: '/why-test' })
  writeFileSync(join(parent, 'memory.max'), String(32 * 2 ** 20))
  await warm.delete()
  const answer = await die({ args: TOO_MUCH, memory: '300MiB', cgroupParent: '/why-test' })
  assertCause(answer, 'oom-ancestor-limit', /no memory left in \/why-test, a cgroup above/, 'certain')
})

test('killed-from-outside: nobody but the kernel knows who', async () => {
  const answer = await die({ args: SLEEP }, (_, pid) => process.kill(pid, 'SIGKILL'))
  assertCause(answer, 'killed-from-outside', /ended by SIGKILL, and it was not utsuwa/, 'certain')
})

test('killed-by-utsuwa: utsuwa kill', async () => {
  const answer = await die({ args: SLEEP }, name => killContainer(name, 'SIGKILL', { runRoot }))
  assertCause(answer, 'killed-by-utsuwa', /SIGKILL, which utsuwa kill sent/, 'certain')
})

test('killed-inside: a child of its shell', async () => {
  assertCause(await speak('sleep 1000 & kill -9 $!; wait $!'), 'killed-inside', /128 \+ 9/, 'likely')
})

test('stop-grace-exceeded', async () => {
  const answer = await die({ args: SLEEP }, name => stopContainer(name, { runRoot, timeout: 0.1 }))
  assertCause(answer, 'stop-grace-exceeded', /SIGTERM, and it still ran 0\.1 s later[\s\S]*--stop-timeout/, 'certain')
})

test('stopped: within its grace period', async () => {
  const answer = await die({ args: SLEEP, stopSignal: 'SIGKILL' }, name => stopContainer(name, { runRoot }))
  assertCause(answer, 'stopped', /asked to stop/, 'certain')
})

test('timeout and cpu-timeout, of a container in the foreground', async () => {
  const options = { ...roots, rootfs, removeOnExit: false, stdio: 'ignore' } as const
  await run({ ...options, name: 'slow', args: SLEEP, timeout: 100 })
  assertCause(await why('slow', roots), 'timeout', /still ran 0\.1 s after its start/, 'certain')
  await run({ ...options, name: 'busy', args: ['sh', '-c', 'while :; do :; done'], cpuTimeout: 100 })
  assertCause(await why('busy', roots), 'cpu-timeout', /used the 0\.1 s of CPU time/, 'certain')
})

test('segfault', async () => {
  compile('segfault', 'int main(void) { *(volatile int *)0 = 1; }', '-static')
  assertCause(await die({ args: ['segfault'] }), 'segfault', /segmentation fault/, 'certain')
})

test('seccomp: a profile that kills', async () => {
  const profile = join(scratch, 'profile.json')
  const syscalls = [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_KILL_PROCESS' }]
  writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }))
  const answer = await die({ args: ['mkdir', '/tmp/x'], securityOpt: [`seccomp=${profile}`] })
  assertCause(answer, 'seccomp', /answers with death \(SIGSYS\)[\s\S]*SCMP_ACT_KILL_PROCESS/, 'certain')
})

test('pids-limit: refused forks, and what it said of them', async () => {
  const answer = await speak('i=0; while [ $i -lt 9 ]; do sleep 1 & i=$((i+1)); done', { pids: 4 })
  assertCause(answer, 'pids-limit', /pids\.max 4[\s\S]*--pids-limit 8/, 'certain')
})

test('no-space: the file system that was full, by the path in the log', async () => {
  const answer = await speak('dd if=/dev/zero of=/x/file bs=64k count=9', { tmpfs: ['/x:size=64k'] })
  assertCause(
    answer,
    'no-space',
    /no space left in \/x, a temporary file system of 64k[\s\S]*--tmpfs \/x:size/,
    'likely',
  )
})

test('read-only-file-system', async () => {
  const answer = await speak('touch /file', { readonlyRootfs: true })
  assertCause(answer, 'read-only-file-system', /its root file system, which is read-only[\s\S]*--read-only/, 'certain')
})

test('not-permitted: a device that the rules do not allow', async () => {
  const answer = await speak('mknod /tmp/disk b 8 0; cat /tmp/disk')
  assertCause(answer, 'not-permitted', /Operation not permitted/, 'likely')
})

test('completed, failed, command-not-found by its shell', async () => {
  assertCause(await die({ args: ['true'] }), 'completed', /status 0/)
  const failed = await speak('echo no luck >&2; exit 7')
  assertCause(failed, 'failed', /with status 7/)
  assert.deepEqual(failed.output, ['no luck'])
  assertCause(await speak('nonesuch'), 'command-not-found', /did not find a command/)
})

test('running and not-started', async () => {
  await using container = await create({ ...roots, rootfs, name: 'alive', args: SLEEP, detached: true })
  assertCause(await why('alive', roots), 'not-started', /utsuwa start alive/)
  await container.start()
  assertCause(await why('alive', roots), 'running', /nothing has ended it/)
})

/** The root file system of a container that is kept is changed under it, and it is started again. */
const failures: readonly (readonly [CauseCode, RegExp, (job: string) => void])[] = [
  ['command-not-found', /no such file[\s\S]*--entrypoint/, job => rmSync(job)],
  ['not-executable', /EACCES[\s\S]*chmod \+x/, job => chmodSync(job, 0o644)],
  ['crlf', /Windows line ends[\s\S]*sed -i/, job => writeFileSync(job, '#!/bin/sh\r\nexit 0\r\n')],
  ['missing-interpreter', /\/bin\/nonesuch/, job => writeFileSync(job, '#!/bin/nonesuch\n')],
  ['not-a-program', /#! line/, job => writeFileSync(job, 'hello\n')],
  ['wrong-architecture', /built for mips/, job => writeFileSync(job, elfOf(8))],
  ['missing-loader', /dynamic loader[\s\S]*musl/, () => compile('job', 'int main(void) { return 0; }')],
]

test('what keeps a command from being executed', async t => {
  const job = join(rootfs, 'bin/job')
  const write = (): void => writeFileSync(job, '#!/bin/sh\nexit 3\n', { mode: 0o755 })
  write()
  assertCause(await die({ name: 'job', args: ['/bin/job'], detached: true }), 'failed', /status 3/)
  for (const [code, words, breakIt] of failures)
    await t.test(code, async () => {
      rmSync(job, { force: true })
      write()
      breakIt(job)
      await assert.rejects(startContainer('job', roots))
      assertCause(await why('job', roots), code, words, 'certain')
    })
  await t.test('and once it can be, that is forgotten', async () => {
    rmSync(job)
    write()
    await startContainer('job', roots)
    await waitForContainer('job', roots)
    assertCause(await why('job', roots), 'failed', /status 3/)
  })
})

/** The head of a 64-bit ELF program for another machine: elf(5). */
function elfOf(machine: number): Buffer {
  const head = Buffer.alloc(64)
  head.write('\x7fELF\x02\x01\x01', 'latin1')
  head.writeUInt16LE(2, 16)
  head.writeUInt16LE(machine, 18)
  return head
}
