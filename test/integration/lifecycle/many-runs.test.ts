/** Runs without end from one process: nothing of a container stays behind in it, or in the kernel. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { readCgroupHierarchy } from '../../../src/cgroup/hierarchy.ts'
import { run } from '../../../src/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())

/** `UTSUWA_TEST_RUNS=10000` says how it is after as many. */
const RUNS = Number(process.env.UTSUWA_TEST_RUNS ?? 200)
/** Until pools of threads and memory, and compiled code, have their size. */
const WARM_UP = 100
const PARALLEL = 4
/** What may come on top, whatever the number of runs: code that V8 compiles, lists that grow by doubling. */
const HEAP_SLACK = 1024 ** 2
const RSS_SLACK = 64 * 1024 ** 2

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

async function runMany(count: number): Promise<void> {
  let left = count
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const { exitCode, stdout } = await run({
        rootfs: sandbox.rootfs,
        args: ['echo', 'hello'],
        runRoot: sandbox.runRoot,
        stdio: ['ignore', 'capture', 'inherit'],
      })
      assert.deepEqual([exitCode, stdout], [0, 'hello\n'])
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))
}

/** What the kernel has of this process; memory is apart, as it is not to the byte. */
function holdings() {
  const cgroups = `${readCgroupHierarchy().mountHostPath}/utsuwa`
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
    children: readdirSync('/proc/self/task')
      .map(task => readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim())
      .filter(Boolean),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length,
    cgroups: readdirSync(cgroups, { withFileTypes: true }).filter(entry => entry.isDirectory()).length,
    containers: readdirSync(`${sandbox.runRoot}/containers`),
  }
}

/** Handles of the event loop; one of the warm-up may be closed in a later turn than the figures are taken in. */
const handles = (): number => process.getActiveResourcesInfo().length

async function memory(): Promise<{ heap: number; rss: number }> {
  // What is closed and finalized in turns of its own is garbage only then.
  for (let count = 0; count < 5; count++) {
    collectGarbage()
    await sleep(20)
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heap: heapUsed + external, rss }
}

test(`${RUNS} runs from one process leave nothing`, async t => {
  await runMany(WARM_UP)
  const [held, before, begin] = [holdings(), await memory(), performance.now()]
  const handlesBefore = handles()
  await runMany(RUNS)
  const seconds = (performance.now() - begin) / 1000
  const now = await memory()
  t.diagnostic(
    `${(RUNS / seconds).toFixed(0)} runs per second; heap ${now.heap - before.heap}, rss ${now.rss - before.rss} bytes more`,
  )
  assert.deepEqual(holdings(), held)
  assert.ok(handles() <= handlesBefore, `${handles()} handles, ${handlesBefore} before`)
  assert.ok(now.heap - before.heap < HEAP_SLACK, `heap: ${now.heap - before.heap} bytes more`)
  assert.ok(now.rss - before.rss < RSS_SLACK, `rss: ${now.rss - before.rss} bytes more`)
})
