/**
 * The random run: commands of every kind by several callers, kills of everything of ours, disks without room, plugins and a
 * registry that fail; after each round nothing of it may be left. Then one long process that uses the library.
 *
 * Usage: main.ts [--seed N] [--minutes N] [--callers N] [--round-seconds N] [--library-operations N] [--stop]
 */
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Random } from './random.ts'
import { Report } from './report.ts'
import { Rounds } from './round.ts'
import { World } from './world.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    minutes: { type: 'string', default: '10' },
    callers: { type: 'string', default: '4' },
    'round-seconds': { type: 'string', default: '15' },
    'library-operations': { type: 'string', default: '10000' },
    stop: { type: 'boolean', default: false },
    directory: { type: 'string' },
  },
})

function number(name: 'seed' | 'minutes' | 'callers' | 'round-seconds' | 'library-operations'): number {
  const value = Number(values[name])
  if (!(value >= 0)) throw new Error(`--${name}: must be a number, found ${values[name]}`)
  return value
}

/** Executes this program again in namespaces of its own. @returns its exit status */
async function enter(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'utsuwa-soak-'))
  chmodSync(directory, 0o755) // ids of user namespaces must get below it
  try {
    const words = [directory, process.execPath, import.meta.filename, ...process.argv.slice(2)]
    const enterPath = join(import.meta.dirname, 'enter.sh')
    return await statusOf(enterPath, [...words, '--seed', String(number('seed')), '--directory', directory])
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function statusOf(path: string, words: readonly string[]): Promise<number> {
  // It ends with this process, however that ends.
  const command = ['--pdeathsig', 'TERM', path, ...words]
  const child = spawn('setpriv', command, { stdio: ['ignore', 'inherit', 'inherit'] })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => resolve(signal === null ? (status ?? 1) : 1))
  })
}

async function soak(directory: string): Promise<number> {
  const seed = number('seed')
  console.log(`seed ${seed}`)
  const random = new Random(seed)
  const report = new Report(seed)
  await using world = await World.open(directory, random)
  const rounds = await Rounds.begin(world, report, { seconds: number('round-seconds'), callers: number('callers') })
  const end = Date.now() + number('minutes') * 60_000
  for (let round = 1; Date.now() < end && !(values.stop && report.broken > 0); round++) {
    report.beginRound(round)
    await rounds.perform(random.fork())
    report.endRound()
  }
  const operations = number('library-operations')
  if (operations > 0) {
    console.log(`library: ${operations} operations`)
    const words = ['--expose-gc', join(import.meta.dirname, 'library.ts'), String(operations), String(seed)]
    report.checked()
    const status = await statusOf(process.execPath, [...words, world.root, world.runRoot, join(directory, 'rootfs')])
    if (status !== 0) report.breaks('library', `it ended with status ${status}; see above`)
  }
  report.summary()
  return report.broken === 0 ? 0 : 1
}

if (process.getuid?.() !== 0) throw new Error('this needs root: sudo make soak')
process.exitCode = values.directory === undefined ? await enter() : await soak(values.directory)
