/**
 * One long process that uses the library as a service does, and gives up at random moments: what it holds does not grow.
 *
 * Usage: node --expose-gc library.ts OPERATIONS SEED ROOT RUN_ROOT ROOTFS
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { create, createPool, isUtsuwaError, run } from 'utsuwa'
import { Random } from './random.ts'

const [operations = 0, seed = 0] = process.argv.slice(2, 4).map(Number)
const [root = '', runRoot = '', rootfs = ''] = process.argv.slice(4)

/** Until pools of threads and memory, and compiled code, have their size. */
const WARM_UP = Math.max(100, Math.min(1000, operations / 5))
const PARALLEL = 2
/** What may come on top, whatever the number of operations. */
const HEAP_SLACK = 4 * 1024 ** 2
const RSS_SLACK = 96 * 1024 ** 2
const CHATTY = 'i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i+1)); done; sleep 1000'

const roots = { root, runRoot, rootfs }
const box = { ...roots, args: ['sh', '-c', CHATTY], stdio: 'pipe' } as const
const quiet = { ...roots, args: ['sleep', '1000'], stdio: 'ignore' } as const

const kinds: Readonly<Record<string, (random: Random) => Promise<void>>> = {
  'run to its end': async () => {
    const { exitCode, stdout } = await run({ ...roots, args: ['echo', 'hello'], stdio: 'capture' })
    if (exitCode !== 0 || stdout !== 'hello\n') throw new Error(`echo: ${exitCode}, ${JSON.stringify(stdout)}`)
  },
  'run, aborted': random =>
    aborted(random, signal =>
      run({ ...roots, args: ['sleep', '1000'], stdio: random.pick(['pipe', 'capture']), signal }),
    ),
  'run in a network, aborted': random => aborted(random, signal => run({ ...quiet, network: 'bridge', signal }), 1500),
  'create, output left unread': async () => {
    await using container = await create(box)
    await container.start()
  },
  'lines, broken off': async () => {
    await using container = await create(box)
    await container.start()
    for await (const line of container.lines()) if (line === 'line 1') break
  },
  'spawn, output left unread': async () => {
    await using container = await create(quiet)
    await container.start()
    const child = await container.spawn(['sh', '-c', 'echo out; echo err >&2'], { stdio: 'pipe' })
    await child.wait()
  },
  'exec, aborted': async random => {
    await using container = await create(quiet)
    await container.start()
    await aborted(random, signal => container.exec(['sleep', '1000'], { stdio: 'ignore', signal }))
  },
  'exec while it dies': async () => {
    await using container = await create(quiet)
    await container.start()
    const running = container.exec(['sleep', '1000'], { stdio: 'ignore' })
    container.kill('SIGKILL')
    await running.catch(error => {
      if (!isUtsuwaError(error) || error.code === 'INIT_FAILED') throw error
    })
  },
  'events, broken off': async () => {
    await using container = await create(quiet)
    const events = container.events()
    await container.start()
    for await (const event of events) if (event.type === 'start') break
  },
  'created, never started': async () => {
    await using _container = await create(box)
  },
  'files in and out': async () => {
    await using container = await create({ ...quiet, files: { '/tmp/in': 'text' } })
    await container.start()
    const text = String(await container.copyOut('/tmp/in'))
    if (text !== 'text') throw new Error(`copied out ${JSON.stringify(text)}`)
  },
  'samples, broken off': async () => {
    await using container = await create(quiet)
    const samples = container.samples({ intervalMs: 10 })
    await container.start()
    for await (const _sample of samples) break
  },
  pool: async random => {
    await using pool = await createPool({ ...roots, args: ['echo', 'taken'], size: 2, stdio: 'capture' })
    if (random.chance(0.3)) return
    const { exitCode } = await (await pool.take()).wait()
    if (exitCode !== 0) throw new Error(`the command of a pool's container: ${exitCode}`)
  },
}

/** @param within the abort comes at a random moment of these milliseconds */
async function aborted(random: Random, begin: (signal: AbortSignal) => Promise<unknown>, within = 80): Promise<void> {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), random.next() * within)
  try {
    await begin(controller.signal)
  } catch (error) {
    if (!isUtsuwaError(error) || error.code !== 'ABORTED') throw error
  } finally {
    clearTimeout(timer)
  }
}

const failures = new Map<string, number>()

async function perform(count: number, random: Random): Promise<void> {
  let left = count
  const worker = async (own: Random): Promise<void> => {
    while (left-- > 0) {
      const kind = own.pick(Object.keys(kinds))
      await kinds[kind]?.(own).catch((error: unknown) => {
        const text = `${kind}: ${isUtsuwaError(error) ? `${error.code} ${error.message}` : String(error)}`
        failures.set(text, (failures.get(text) ?? 0) + 1)
      })
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, () => worker(random.fork())))
}

/** What it is that a descriptor leads to, without the number that tells it apart from others of the kind. */
function descriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap(name => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).replace(/\d+/g, 'N')
    } catch {
      return [] // that of the directory itself
    }
  })
}

function holdings() {
  const tasks = readdirSync('/proc/self/task')
  return {
    descriptors: descriptors(),
    children: tasks.flatMap(task =>
      readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean),
    ),
    records: readdirSync(join(runRoot, 'containers')),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n'),
  }
}

async function memory(): Promise<{ heap: number; rss: number }> {
  // What is closed and finalized in turns of its own is garbage only then.
  for (let count = 0; count < 10; count++) {
    globalThis.gc?.()
    await sleep(50)
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heap: heapUsed + external, rss }
}

const random = new Random(seed)
await perform(WARM_UP, random)
const before = { memory: await memory(), holdings: holdings() }
await perform(operations, random)
const now = { memory: await memory(), holdings: holdings() }

let broken = 0
const breaks = (text: string): void => {
  broken++
  console.log(`BROKEN library: ${text}`)
}

for (const name of ['descriptors', 'children', 'records', 'mounts'] as const) {
  const [then, count] = [before.holdings[name].length, now.holdings[name].length]
  if (count <= then) continue
  const groups = Object.entries(Object.groupBy(now.holdings[name], entry => entry))
  const common = groups
    .map(([entry, same]) => `${same?.length} ${entry}`)
    .sort((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10))
  breaks(
    `${name}: ${then} after ${WARM_UP} operations, ${count} after ${operations} more: ${common.slice(0, 8).join('; ')}`,
  )
}
for (const [name, slack] of [
  ['heap', HEAP_SLACK],
  ['rss', RSS_SLACK],
] as const) {
  const more = now.memory[name] - before.memory[name]
  if (more > slack) breaks(`${name}: ${more} bytes more after ${operations} operations`)
}
for (const [text, count] of failures) breaks(`${count} times: ${text}`)
console.log(
  `library: ${operations} operations; descriptors ${before.holdings.descriptors.length} → ${now.holdings.descriptors.length}, ` +
    `heap ${now.memory.heap - before.memory.heap} and rss ${now.memory.rss - before.memory.rss} bytes more`,
)
process.exitCode = broken === 0 ? 0 : 1
