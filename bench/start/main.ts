/**
 * Compares container starts: `node bench/start/main.ts [--rounds N] [--starts N] [--alive N] [--out DIRECTORY] [MEASURE…]`
 * writes README.md and its charts there (default build/bench). `MEASURE` is one of MEASURES below; default: all. Runs as
 * root, in namespaces of its own (lib/private.ts), whose root is that of the peers; `--peers DIRECTORY` is one with others
 * than those of lib/peers.ts.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { peersRoot } from '../lib/peers.ts'
import { runPrivately } from '../lib/private.ts'
import { type Measure, measureChart, measureSection } from '../lib/table.ts'
import { makeBundles } from './bundle.ts'
import * as measures from './measures.ts'
import { CONTAINERD, type Runtime, runtimes, versionOf } from './runtimes.ts'
import { newId, runSync } from './spawn.ts'

const clone = join(import.meta.dirname, '../..')
const MEASURES: Record<string, (plan: measures.Plan) => Promise<Measure | Measure[]>> = {
  warm: measures.warmSequential,
  parallel: measures.warmParallel,
  cold: all => measures.coldRun(all, true),
  'cold-without-seccomp': all => measures.coldRun(all, false),
  oci: measures.ociVerbs,
  memory: measures.idleMemory,
  idle: measures.manyIdle,
  throughput: measures.throughput,
  'event-loop': measures.eventLoopDelay,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '20' },
    starts: { type: 'string', default: '1000' },
    alive: { type: 'string', default: '500' },
    out: { type: 'string', default: join(clone, 'build/bench') },
    peers: { type: 'string' },
    inside: { type: 'boolean', default: false },
  },
})
const out = resolve(values.out)
const chosen = positionals.length > 0 ? positionals : Object.keys(MEASURES)
const unknown = chosen.find(name => MEASURES[name] === undefined)
if (unknown !== undefined) throw new Error(`no measure ${unknown}: there are ${Object.keys(MEASURES).join(', ')}`)

if (values.inside) await measureAll()
else {
  mkdirSync(out, { recursive: true })
  const words = (['rounds', 'starts', 'alive'] as const).flatMap(name => [`--${name}`, values[name]])
  const self = [process.execPath, import.meta.filename, '--inside', '--out', out, ...words, ...chosen]
  await runPrivately(values.peers ?? peersRoot(clone), { clone, out }, self)
  console.log(join(out, 'README.md'))
}

async function measureAll(): Promise<void> {
  mkdirSync('/tmp/bench')
  const bundles = await makeBundles('/tmp/bench')
  await using _daemon = await measures.startDaemon(CONTAINERD)
  await answers(['ctr', ...CONTAINERD.slice(1, 3), 'version'])
  const peers = runtimes(bundles).map(runtime => ({
    runtime,
    version: versionOf(runtime),
    problem: problemOf(runtime),
  }))
  for (const { runtime, problem } of peers)
    if (problem !== undefined) console.error(`NOT MEASURED: ${runtime.name}: ${problem}`)
  const plan: measures.Plan = {
    rounds: Number(values.rounds),
    starts: Number(values.starts),
    alive: Number(values.alive),
    bundles,
    runtimes: peers.filter(({ problem }) => problem === undefined).map(({ runtime }) => runtime),
    floor: join(clone, 'build/bench/floor'),
  }
  await measures.warmUp(plan)
  const sections: string[] = []
  for (const name of chosen) {
    const before = load()
    for (const one of [await MEASURES[name]!(plan)].flat()) {
      console.error(`${one.title}: done`)
      writeFileSync(join(out, `${one.key}.svg`), measureChart(one))
      sections.push(`${measureSection(one)}\nLoad of the machine: ${before} before, ${load()} after.\n`)
    }
  }
  writeFileSync(join(out, 'README.md'), [heading(peers), ...sections].join('\n'))
}

/** Until containerd can be asked. */
async function answers(command: readonly string[]): Promise<void> {
  for (let poll = 0; poll < 200; poll++) {
    try {
      return runSync(command)
    } catch {
      await sleep(50) // It starts.
    }
  }
}

interface Peer {
  readonly runtime: Runtime
  readonly version: string | undefined
  readonly problem: string | undefined
}

/** Why it cannot run /bin/true here; undefined where it can. */
function problemOf(runtime: Runtime): string | undefined {
  if (versionOf(runtime) === undefined) return 'it is missing'
  try {
    runSync(runtime.run(newId(), false)!)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function heading(peers: readonly Peer[]): string {
  const machine = `${cpus()[0]?.model}, ${availableParallelism()} CPUs, ${(totalmem() / 1e9).toFixed(0)} GB, Linux ${release()}`
  return [
    '# Container starts\n',
    `${machine}. Node.js ${process.version}. ${values.rounds} rounds, in each of which everybody has a turn.\n`,
    'Ratios are medians over the rounds: below 1, utsuwa takes less (for rates: above 1, it does more).\n',
    ...peers.map(({ runtime: { name }, version = '', problem }) =>
      problem === undefined ? `- ${name}: ${version}` : `- ${name}: ${version} **not measured: ${problem}**`,
    ),
    '',
  ].join('\n')
}

function load(): string {
  return readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 2).join(' ')
}
