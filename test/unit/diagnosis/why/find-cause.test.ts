import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Cause, CauseCode, DeathFacts } from '../../../../src/diagnosis/why/cause.ts'
import { whyRunning } from '../../../../src/diagnosis/why/cause-running.ts'
import { findCause } from '../../../../src/diagnosis/why/find-cause.ts'

const MIB = 2 ** 20
const noEvents = { low: 0, high: 0, max: 0, oom: 0, oomKill: 0, oomGroupKill: 0 }
const noCpu = {
  usageUsec: 0,
  userUsec: 0,
  systemUsec: 0,
  periods: 0,
  throttledPeriods: 0,
  throttledUsec: 0,
  bursts: 0,
  burstUsec: 0,
}

function facts(parts: Partial<DeathFacts>): DeathFacts {
  return {
    name: 'box',
    pid: 70,
    exitCode: 1,
    signal: undefined,
    startFailure: undefined,
    sent: [],
    oom: undefined,
    stats: undefined,
    limits: {},
    spec: { ociVersion: '1.3.0', linux: { namespaces: [{ type: 'pid' }] } },
    kernelLog: [],
    output: [],
    full: [],
    ...parts,
  }
}

const time = '2026-01-02T03:04:05.000Z'
const killed = { exitCode: 137, signal: 'SIGKILL' }
const victim = 'Memory cgroup out of memory: Killed process 70 (dd) total-vm:1kB'
const ancestor = { level: 'ancestor', kills: 1 } as const

const table: readonly (readonly [string, Partial<DeathFacts>, CauseCode, Cause['confidence'], RegExp])[] = [
  ['status 0', { exitCode: 0 }, 'completed', 'certain', /status 0/],
  ['status 3', { exitCode: 3 }, 'failed', 'certain', /status 3/],
  [
    'an end with status 0 is no death of lack of memory',
    { exitCode: 0, oom: { level: 'container', kills: 1 } },
    'completed',
    'certain',
    /killed a process of it/,
  ],
  [
    'the limit above',
    { ...killed, oom: { ...ancestor, cgroup: '/batch' }, kernelLog: [victim] },
    'oom-ancestor-limit',
    'certain',
    /\/batch, a cgroup above its own/,
  ],
  [
    'no limit at all',
    { ...killed, oom: ancestor },
    'oom-machine',
    'likely',
    /most likely the memory of the whole machine/,
  ],
  [
    'no limit at all, as the kernel says itself',
    { ...killed, oom: ancestor, kernelLog: ['oom-kill:constraint=CONSTRAINT_NONE,global_oom'] },
    'oom-machine',
    'certain',
    /whole machine/,
  ],
  [
    'lack of memory comes before the stop that came too late',
    { ...killed, oom: { level: 'container', kills: 1 }, sent: [{ time, signal: 15, by: 'stop' }] },
    'oom-own-limit',
    'likely',
    /most likely killed by the kernel: it was out of memory/,
  ],
  [
    'what it survived is not what it was stopped of',
    { exitCode: 143, oom: { level: 'container', kills: 1 }, sent: [{ time, signal: 15, by: 'stop' }] },
    'stopped',
    'certain',
    /asked to stop/,
  ],
  [
    'SIGTERM by utsuwa kill, and a status that says so',
    { exitCode: 143, sent: [{ time, signal: 15, by: 'kill' }] },
    'killed-by-utsuwa',
    'certain',
    /SIGTERM, which utsuwa kill sent/,
  ],
  [
    'a signal that utsuwa sent, but not that which it ended by',
    { ...killed, sent: [{ time, signal: 1, by: 'kill' }] },
    'killed-from-outside',
    'certain',
    /not utsuwa that sent it/,
  ],
  [
    'a shared PID namespace: perhaps one of its own',
    { ...killed, spec: { ociVersion: '1.3.0' } },
    'killed-from-outside',
    'likely',
    /shares its PID namespace/,
  ],
  ['SIGSEGV of a child', { exitCode: 139 }, 'segfault', 'likely', /A process of box crashed/],
  ['SIGABRT', { exitCode: 134, signal: 'SIGABRT' }, 'crashed', 'certain', /abort\(3\)/],
  [
    'the call that seccomp killed for, by the audit line',
    {
      exitCode: 159,
      signal: 'SIGSYS',
      kernelLog: ['audit: type=1326 audit(1.2:3): pid=7 sig=31 syscall=9999 code=0x80000000'],
    },
    'seccomp',
    'certain',
    /type=1326/,
  ],
  [
    'RLIMIT_CPU',
    {
      ...killed,
      stats: { pressure: {}, cpu: { ...noCpu, usageUsec: 2_100_000 } },
      spec: {
        ociVersion: '1.3.0',
        process: {
          cwd: '/',
          user: { uid: 0, gid: 0 },
          args: ['x'],
          rlimits: [{ type: 'RLIMIT_CPU', soft: 1, hard: 2 }],
        },
      },
    },
    'cpu-time-limit',
    'likely',
    /at most 2 s/,
  ],
  [
    'a full file system that is full still',
    { output: ['write: No space left on device'], full: ['/data has 0 bytes left of 1 MiB'] },
    'no-space',
    'certain',
    /\/data has 0 bytes/,
  ],
  [
    'a library, as glibc says it',
    {
      exitCode: 127,
      output: ['app: error while loading shared libraries: libpq.so.5: cannot open shared object file'],
    },
    'missing-library',
    'certain',
    /libpq\.so\.5/,
  ],
  [
    'a library, as musl says it',
    { exitCode: 127, output: ['Error loading shared library libpq.so.5: No such file or directory (needed by /app)'] },
    'missing-library',
    'certain',
    /libpq\.so\.5/,
  ],
  [
    'forks that were refused, of which it did not speak',
    { stats: { pressure: {}, pids: { current: 0, refusedForks: 2 } }, limits: { 'pids.max': '8' } },
    'pids-limit',
    'likely',
    /pids\.max 8/,
  ],
]

for (const [name, parts, code, confidence, words] of table)
  test(name, () => {
    const cause = findCause(facts(parts))
    assert.deepEqual([cause.code, cause.confidence], [code, confidence])
    assert.match([cause.summary, ...cause.evidence.map(({ text }) => text)].join('\n'), words)
  })

test('what holds back one that runs', () => {
  const cause = whyRunning(
    facts({
      stats: {
        pressure: { io: { some: { avg10: 40, avg60: 0, avg300: 0, totalUsec: 1 } } },
        memory: { currentBytes: 31 * MIB, events: { ...noEvents, high: 3, max: 7 } },
        cpu: { ...noCpu, periods: 10, throttledPeriods: 9, throttledUsec: 500_000 },
      },
      limits: { 'memory.max': String(32 * MIB), 'memory.high': String(16 * MIB), 'cpu.max': '10000 100000' },
    }),
    'running',
  )
  assert.equal(cause.code, 'running')
  for (const words of [
    /31 MiB of 32 MiB/,
    /memory\.high slows it down/,
    /90 % of the periods/,
    /waited for disks in 40 %/,
  ])
    assert.match(cause.summary, words)
  assert.match(whyRunning(facts({}), 'running').summary, /No limit holds it back/)
})
