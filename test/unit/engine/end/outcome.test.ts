import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { outcomeOf } from '../../../../src/engine/end/outcome.ts'
import { recordOf, temporaryDirectory } from '../../runtime/state/support.ts'

const exit = { exitCode: 0, signal: undefined, userMicroseconds: 5, systemMicroseconds: 6 } as const

function inCgroup(files: Record<string, string>, check: (outcome: ReturnType<typeof outcomeOf>) => void): void {
  using root = temporaryDirectory()
  mkdirSync(join(root.path, 'box'))
  for (const [file, text] of Object.entries(files)) writeFileSync(join(root.path, 'box', file), text)
  check(outcomeOf(recordOf('box', { cgroup: { mount: root.path, path: 'box' } }), exit))
}

test('without a cgroup: the exit, and what the kernel counted for the process', () => {
  assert.deepEqual(outcomeOf(recordOf('box'), exit), {
    exitCode: 0,
    signal: undefined,
    oom: undefined,
    usage: {
      cpuUserMicroseconds: 5,
      cpuSystemMicroseconds: 6,
      memoryPeakBytes: undefined,
      pidsPeak: undefined,
      ioReadBytes: undefined,
      ioWrittenBytes: undefined,
      cpuThrottledPeriods: undefined,
      cpuThrottledMicroseconds: undefined,
    },
  })
})

test('a signal is 128 more, as a shell has it, and has its name', () => {
  const ended = (signal: number) => {
    const outcome = outcomeOf(recordOf('box'), { ...exit, exitCode: undefined, signal })
    return [outcome.exitCode, outcome.signal]
  }
  assert.deepEqual(ended(9), [137, 'SIGKILL'])
  assert.deepEqual(ended(15), [143, 'SIGTERM'])
  assert.deepEqual(ended(6), [134, 'SIGABRT'])
  assert.deepEqual(ended(37), [165, 'SIGRTMIN+3'])
})

test('use is read from the cgroup', () => {
  const cpu = 'usage_usec 30\nuser_usec 10\nsystem_usec 20\nnr_periods 9\nnr_throttled 4\nthrottled_usec 700\n'
  inCgroup(
    {
      'cpu.stat': cpu,
      'io.stat': '8:0 rbytes=1 wbytes=20\n8:16 rbytes=2 wbytes=50\n',
      'memory.peak': '4096\n',
      'memory.current': '0\n',
      'memory.events': 'oom 0\noom_kill 0\n',
    },
    outcome => {
      assert.deepEqual(outcome.usage, {
        cpuUserMicroseconds: 10,
        cpuSystemMicroseconds: 20,
        memoryPeakBytes: 4096,
        pidsPeak: undefined,
        ioReadBytes: 3,
        ioWrittenBytes: 70,
        cpuThrottledPeriods: 4,
        cpuThrottledMicroseconds: 700,
      })
      assert.equal(outcome.oom, undefined)
    },
  )
})

test("a kill for lack of memory: whether a limit of the container was hit, or somebody else's", () => {
  inCgroup({ 'memory.events': 'oom 2\noom_kill 3\n' }, ({ oom }) => {
    assert.deepEqual(oom, { level: 'container', kills: 3 })
  })
  inCgroup({ 'memory.events': 'oom 0\noom_kill 1\n' }, ({ oom }) => {
    assert.deepEqual(oom, { level: 'ancestor', kills: 1 })
  })
  inCgroup({ 'memory.events': 'oom 5\noom_kill 0\n' }, ({ oom }) =>
    assert.equal(oom, undefined, 'an allocation failed, nobody died'),
  )
})
