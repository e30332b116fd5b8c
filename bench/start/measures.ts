/** What is measured of container starts. Each function takes turns between all who can take part. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Container, create, run } from '../../src/index.ts'
import { type Measure, type Series, type Turn, takeTurns } from '../lib/table.ts'
import type { Bundles } from './bundle.ts'
import type { Runtime } from './runtimes.ts'
import { newId, runAsync, runSync } from './spawn.ts'

export interface Plan {
  readonly rounds: number
  /** Starts in the measures of throughput, and at most in that of the event loop. The command lines get a tenth. */
  readonly starts: number
  /** Containers that are alive meanwhile. */
  readonly alive: number
  readonly bundles: Bundles
  readonly runtimes: readonly Runtime[]
  /** The C program. */
  readonly floor: string
}

const PARALLEL = 8
/** Starts until V8 has compiled what each start runs through. */
const WARM_UP = 50
const POLL_MS = 5
const POLLS = 2000
const SETTLE_MS = 200
const LISTINGS = 5
const STARTS_PER_SECOND = 50
const EVENT_LOOP_SECONDS = 4

const warmNote =
  'In one process that has started containers before: utsuwa as a library; the others, which are none, by spawning them. ' +
  'Each turn is two starts, of which the second is timed: the first finds the caches full of what another one did. ' +
  'The floor is a C program that makes the same container with system calls alone. bubblewrap and unshare(1) isolate less: ' +
  'no cgroup, no devices, no seccomp. CPU times are those of both starts, of the process too for the floor, and of the daemon for ctr.'

async function timed(action: () => unknown): Promise<number> {
  const begin = performance.now()
  await action()
  return performance.now() - begin
}

async function runHere(bundle: string): Promise<void> {
  const { exitCode } = await run({ bundle })
  if (exitCode !== 0) throw new Error(`/bin/true ended with ${exitCode}`)
}

/** Milliseconds of the second time. */
async function timedAgain(action: () => unknown): Promise<number> {
  await action()
  return timed(action)
}

/** To be done before anything is measured of starts in this process. */
export async function warmUp({ bundles }: Plan): Promise<void> {
  for (let count = 0; count < WARM_UP; count++) await runHere(bundles.filtered)
}

/** Milliseconds of each start but the first, which pays for pages that are new. */
function runFloor({ floor, bundles }: Plan, count: number, parallel = 1): number[] {
  const args = [bundles.rootfs, bundles.devices, bundles.seccomp, String(count + 1), String(parallel)]
  const lines = execFileSync(floor, args, { encoding: 'utf8' }).trimEnd().split('\n')
  return lines.slice(1).map(line => Number(line) / 1000)
}

/** A runtime's own /bin/true, with or without the filter; those that cannot are left out. */
function commandsOf({ runtimes }: Plan, seccomp: boolean): { name: string; command: () => readonly string[] }[] {
  return runtimes.flatMap(({ name, run: commandFor }) =>
    commandFor('', seccomp) === undefined ? [] : [{ name, command: () => commandFor(newId(), seccomp)! }],
  )
}

/** Those who isolate as utsuwa does, and those who do less, as they are. */
function warmPeers(plan: Plan): { name: string; command: () => readonly string[] }[] {
  const filtered = commandsOf(plan, true)
  const less = commandsOf(plan, false).filter(({ name }) => !filtered.some(other => other.name === name))
  return [...filtered, ...less].filter(({ name }) => !name.startsWith('utsuwa'))
}

export async function warmSequential(plan: Plan): Promise<Measure> {
  const { filtered } = plan.bundles
  const turns: Turn[] = [
    { name: 'utsuwa', sample: () => timedAgain(() => runHere(filtered)) },
    { name: 'floor (C)', sample: () => runFloor(plan, 1)[0]! },
    ...warmPeers(plan).map(({ name, command }) => ({ name, sample: () => timedAgain(() => runAsync(command())) })),
  ]
  const series = await takeTurns(turns, plan.rounds)
  return { key: 'warm', title: 'Start to exit of /bin/true, warm', unit: 'ms', note: warmNote, withCpu: true, series }
}

export async function warmParallel(plan: Plan): Promise<Measure> {
  const { filtered } = plan.bundles
  const atOnce = (one: () => Promise<void>) => async (): Promise<number> => {
    const milliseconds = await timed(() => Promise.all(Array.from({ length: PARALLEL }, one)))
    return (PARALLEL * 1000) / milliseconds
  }
  const turns: Turn[] = [
    { name: 'utsuwa', sample: atOnce(() => runHere(filtered)) },
    ...warmPeers(plan).map(({ name, command }) => ({ name, sample: atOnce(() => runAsync(command())) })),
  ]
  const series = await takeTurns(turns, Math.ceil(plan.rounds / 2))
  const title = `${PARALLEL} starts at once, warm`
  return { key: 'parallel', title, unit: 'containers per second', series }
}

export async function coldRun(plan: Plan, seccomp: boolean): Promise<Measure> {
  const turns = commandsOf(plan, seccomp).map(({ name, command }) => ({
    name,
    sample: () => timed(() => runSync(command())),
  }))
  const series = await takeTurns(turns, plan.rounds)
  const filter = seccomp ? 'with' : 'without'
  const title = `Command line, /bin/true ${filter} seccomp`
  return { key: `cold-${filter}-seccomp`, title, unit: 'ms', withCpu: true, series }
}

const verbs = ['create', 'start', 'exec', 'kill', 'delete'] as const

/** Each verb of the OCI command line on one container after the other. */
export async function ociVerbs({ rounds, runtimes, bundles }: Plan): Promise<Measure[]> {
  const peers = runtimes.filter(({ oci }) => oci !== undefined)
  const samples = new Map<string, Series>()
  const turns = peers.map(({ name, oci = [] }) => ({
    name,
    sample: async () => {
      const id = newId()
      const words: Record<(typeof verbs)[number], readonly string[]> = {
        create: ['--bundle', bundles.idle, id],
        start: [id],
        exec: [id, '/bin/true'],
        kill: [id, 'KILL'],
        delete: [id],
      }
      for (const verb of verbs) {
        if (verb === 'delete') await stopped(oci, id)
        const series = samples.get(`${verb} ${name}`) ?? { name, samples: [] }
        series.samples.push(await timed(() => runSync([...oci, verb, ...words[verb]])))
        samples.set(`${verb} ${name}`, series)
      }
      return 0
    },
  }))
  const outcomes = await takeTurns(turns, Math.ceil(rounds / 2))
  return verbs.map(verb => ({
    key: `oci-${verb}`,
    title: `Command line, ${verb}`,
    unit: 'ms',
    series: outcomes.map(({ name, failure }) =>
      failure === undefined ? samples.get(`${verb} ${name}`)! : { name, samples: [], failure },
    ),
  }))
}

async function stopped(oci: readonly string[], id: string): Promise<void> {
  for (let poll = 0; poll < POLLS; poll++) {
    const { status } = JSON.parse(execFileSync(oci[0]!, [...oci.slice(1), 'state', id], { encoding: 'utf8' }))
    if (status === 'stopped') return
    await sleep(POLL_MS)
  }
  throw new Error(`${id} does not stop`)
}

/** Proportional set sizes of all processes that a container brought into this PID namespace. */
export async function idleMemory({ rounds, runtimes, bundles }: Plan): Promise<Measure[]> {
  const created: Turn[] = []
  const running: Turn[] = []
  for (const { name, oci, detach, remove } of runtimes) {
    if (detach === undefined || remove === undefined) continue
    const memory = (command: (id: string) => readonly string[]) => async (): Promise<number> => {
      const [id, before] = [newId(), processes()]
      runSync(command(id))
      await sleep(SETTLE_MS)
      const bytes = [...processes()]
        .filter(pid => !before.has(pid))
        .reduce((sum, pid) => sum + proportionalSize(pid), 0)
      for (const words of remove(id)) runSync(words)
      await sleep(SETTLE_MS)
      return bytes / 1000
    }
    if (oci !== undefined) {
      const create = (id: string): readonly string[] => [...oci, 'create', '--bundle', bundles.idle, id]
      created.push({ name, sample: memory(create) })
    }
    running.push({ name, sample: memory(detach) })
  }
  const few = Math.max(1, Math.ceil(rounds / 5))
  return [
    {
      key: 'memory-created',
      title: 'Memory of a created container',
      unit: 'kB PSS',
      note: 'What waits for the start.',
      series: await takeTurns(created, few),
    },
    {
      key: 'memory-running',
      title: 'Memory of a detached container',
      unit: 'kB PSS',
      note: '`sleep` of a static busybox, which is counted, and what watches over it: conmon of podman, the shim of ctr.',
      series: await takeTurns(running, few),
    },
  ]
}

/** Many containers of a person's tools, started in a row, alive at once, and listed. */
export async function manyIdle({ alive, runtimes }: Plan): Promise<Measure[]> {
  const [rate, memory, list]: [Series[], Series[], Series[]] = [[], [], []]
  for (const { name, detach, remove, list: listing } of runtimes) {
    if (detach === undefined || remove === undefined || listing === undefined) continue
    const before = processes()
    const ids = Array.from({ length: alive }, newId)
    const milliseconds = await timed(() => {
      for (const id of ids) runSync(detach(id))
    })
    await sleep(SETTLE_MS)
    const bytes = [...processes()].filter(pid => !before.has(pid)).reduce((sum, pid) => sum + proportionalSize(pid), 0)
    const listings: number[] = []
    for (let count = 0; count < LISTINGS; count++) listings.push(await timed(() => runSync(listing)))
    for (const id of ids) for (const words of remove(id)) runSync(words)
    rate.push({ name, samples: [(alive * 1000) / milliseconds] })
    memory.push({ name, samples: [bytes / 1000 / alive] })
    list.push({ name, samples: listings })
  }
  const title = `${alive} idle containers`
  return [
    { key: 'idle-rate', title: `${title}: started in a row`, unit: 'containers per second', series: rate },
    {
      key: 'idle-memory',
      title: `${title}: memory of each`,
      unit: 'kB PSS',
      note: '`sleep` of a static busybox and its monitor or conmon: all processes that are there meanwhile.',
      series: memory,
    },
    { key: 'idle-list', title: `${title}: to list them`, unit: 'ms', series: list },
  ]
}

function processes(): Set<string> {
  return new Set(readdirSync('/proc').filter(name => /^\d+$/.test(name)))
}

function proportionalSize(pid: string): number {
  try {
    return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0 // It ended meanwhile, or is a zombie.
  }
}

/** Containers per second over many starts, `PARALLEL` at a time; then the same beside many that are alive. */
export async function throughput(plan: Plan): Promise<Measure[]> {
  const alone = await startsPerSecond(plan, plan.starts)
  const alive: Container[] = []
  try {
    for (let count = 0; count < plan.alive; count++) {
      const container = await create({ bundle: plan.bundles.idle })
      alive.push(container)
      await container.start()
    }
    const crowded = await startsPerSecond(plan, Math.ceil(plan.starts / 5))
    const shared = { unit: 'containers per second' } as const
    const few = `${PARALLEL} at a time; runc and crun a tenth of them.`
    return [
      { ...shared, key: 'throughput', title: `${plan.starts} starts`, note: few, series: alone },
      { ...shared, key: 'throughput-alive', title: `Starts beside ${plan.alive} alive`, note: few, series: crowded },
    ]
  } finally {
    for (const container of alive) await container.delete()
  }
}

async function startsPerSecond(plan: Plan, starts: number): Promise<Series[]> {
  const rate = (count: number, one: () => Promise<void>) => async (): Promise<number> => {
    let left = count
    const worker = async (): Promise<void> => {
      while (left-- > 0) await one()
    }
    const milliseconds = await timed(() => Promise.all(Array.from({ length: PARALLEL }, worker)))
    return (count * 1000) / milliseconds
  }
  const peers = warmPeers(plan).filter(({ name }) => name === 'runc' || name === 'crun')
  const turns: Turn[] = [
    { name: 'utsuwa', sample: rate(starts, () => runHere(plan.bundles.filtered)) },
    {
      name: 'floor (C)',
      sample: async () => (starts * 1000) / (await timed(() => runFloor(plan, starts, PARALLEL))),
    },
    ...peers.map(({ name, command }) => ({
      name,
      sample: rate(Math.ceil(starts / 10), () => runAsync(command())),
    })),
  ]
  return takeTurns(turns, 1)
}

/** How late timers are, by which a server notices that it starts containers. */
export async function eventLoopDelay(plan: Plan): Promise<Measure[]> {
  const ways = [
    { name: 'utsuwa', one: () => runHere(plan.bundles.filtered) },
    ...warmPeers(plan)
      .filter(({ name }) => name === 'runc' || name === 'crun')
      .map(({ name, command }) => ({ name, one: () => runAsync(command()) })),
  ]
  const worst = new Map<string, Series>()
  const turns = ways.map(({ name, one }) => ({
    name,
    sample: async () => {
      const delay = monitorEventLoopDelay({ resolution: 1 })
      delay.enable()
      await startSteadily(one, Math.min(STARTS_PER_SECOND * EVENT_LOOP_SECONDS, plan.starts))
      delay.disable()
      const series = worst.get(name) ?? { name, samples: [] }
      series.samples.push(delay.max / 1e6)
      worst.set(name, series)
      return delay.percentile(99) / 1e6
    },
  }))
  const series = await takeTurns(turns, Math.max(1, Math.ceil(plan.rounds / 10)))
  const note = 'perf_hooks, of which 1 ms is its own resolution. runc and crun are spawned by child_process.'
  const title = `while ${STARTS_PER_SECOND} containers start per second`
  return [
    { key: 'event-loop-p99', title: `Event-loop delay, 99th percentile, ${title}`, unit: 'ms', note, series },
    {
      key: 'event-loop-max',
      title: `Event-loop delay, longest, ${title}`,
      unit: 'ms',
      series: series.map(({ name, failure }) =>
        failure === undefined ? worst.get(name)! : { name, samples: [], failure },
      ),
    },
  ]
}

async function startSteadily(one: () => Promise<void>, starts: number): Promise<void> {
  const begin = performance.now()
  const running: Promise<void>[] = []
  for (let count = 0; count < starts; count++) {
    running.push(one())
    await sleep(Math.max(0, begin + ((count + 1) * 1000) / STARTS_PER_SECOND - performance.now()))
  }
  await Promise.all(running)
}

/** containerd for `ctr`, until it is disposed of. */
export async function startDaemon(command: readonly string[]): Promise<AsyncDisposable> {
  const daemon = spawn(command[0]!, command.slice(1), { stdio: 'ignore' })
  await once(daemon, 'spawn')
  return {
    async [Symbol.asyncDispose]() {
      const ended = once(daemon, 'exit')
      daemon.kill('SIGTERM')
      await ended
    },
  }
}
