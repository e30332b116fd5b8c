/**
 * Pulls the same images with utsuwa and others, from one registry on loopback into cold stores:
 * `node bench/pull/main.ts [--rounds N] [IMAGE…]`, prints Markdown.
 *
 * The load average tells what else the machine had to do. Stores stay until the end: to create files soon after much was removed is several times slower on ext4, for
 * everybody. `--stores DIR` says on which file system they lie (default /var/tmp).
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { pushImage } from '../../test/support/image-builder.ts'
import { startRegistry } from '../../test/support/registry.ts'
import { ProcessGroup } from '../lib/group.ts'
import { costTable, interleave } from '../lib/rounds.ts'
import { contenders } from './contenders.ts'
import { IMAGES, imageLayout } from './images.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '3' }, stores: { type: 'string', default: '/var/tmp' } },
})
const names = positionals.length > 0 ? positionals : Object.keys(IMAGES)
const unknown = names.find(name => IMAGES[name] === undefined)
if (unknown !== undefined) throw new Error(`no image ${unknown}: there are ${Object.keys(IMAGES).join(', ')}`)

// Ctrl-C ends what is being measured, and all that was made for it is removed as after the last round.
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stop.abort(new Error(`ended by ${signal}`))
    ProcessGroup.killAll()
  })
}

const stores = mkdtempSync(join(values.stores, 'utsuwa-bench-'))
try {
  await using registry = await startRegistry()
  console.log(machine())
  for (const name of names) {
    const layout = await imageLayout(name)
    const reference = `${registry.host}/${name}:latest`
    await pushImage(layout, reference)
    const outcomes = await interleave(contenders(stores, reference), Number(values.rounds), name, stop.signal)
    console.log(
      `\n### ${name}: ${IMAGES[name]!.description}\n\n${costTable(outcomes)}\n\n${await floor(name, layout)} Load average ${loadavg()[0]!.toFixed(1)}.`,
    )
  }
} finally {
  unmountBelow(stores)
  rmSync(stores, { recursive: true, force: true })
}

/** podman leaves its storage directory mounted on itself. */
function unmountBelow(directory: string): void {
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[1] ?? '')
    .filter(point => point.startsWith(`${directory}/`))
  for (const point of points.toReversed()) execFileSync('umount', [point])
}

/** What no pull can be faster than with these tools: to hash and decompress on one core, and to write from memory. */
async function floor(name: string, layout: string): Promise<string> {
  const memory = mkdtempSync('/dev/shm/utsuwa-bench-')
  try {
    await using group = new ProcessGroup(`floor-${name}`)
    const blobs = layerBlobs(layout)
    const decompress = name === 'zstd' ? 'zstd' : 'gzip'
    const hash = await group.measure(blobs.map(blob => ['sh', '-c', `${decompress} -dc <"${blob}" | sha256sum`]))
    const archives = blobs.map((blob, index) => [blob, join(memory, `${index}.tar`)] as const)
    for (const [blob, archive] of archives) execFileSync('sh', ['-c', `${decompress} -dc <"${blob}" >"${archive}"`])
    const target = mkdtempSync(join(stores, 'floor-'))
    const write = await group.measure(archives.map(([, archive]) => ['tar', '-x', '-p', '-f', archive, '-C', target]))
    return `Floor: \`${decompress} -dc | sha256sum\` ${hash.wall.toFixed(2)} s, \`tar -x\` from memory ${write.wall.toFixed(2)} s.`
  } finally {
    rmSync(memory, { recursive: true, force: true })
  }
}

function layerBlobs(layout: string): string[] {
  const blobs = join(layout, 'blobs/sha256')
  for (const name of readdirSync(blobs)) {
    const start = readFileSync(join(blobs, name)).subarray(0, 1)
    if (start[0] !== 0x7b) continue // What is no JSON is a layer.
    const { layers } = JSON.parse(readFileSync(join(blobs, name), 'utf8')) as { layers?: { digest: string }[] }
    if (layers !== undefined) return layers.map(({ digest }) => join(blobs, digest.replace('sha256:', '')))
  }
  throw new Error(`no manifest in ${layout}`)
}

function machine(): string {
  const version = (command: string, ...args: string[]) =>
    execFileSync(command, args, { encoding: 'utf8' }).split('\n')[0]
  return [
    `${cpus()[0]?.model}, ${availableParallelism()} CPUs, ${(totalmem() / 1e9).toFixed(0)} GB, Linux ${release()}`,
    ...[version('bin/utsuwa', '--version'), version('podman', '--version'), version('skopeo', '--version')],
    ...[version('umoci', '--version'), version('ctr', '--version')],
  ].join(' · ')
}
