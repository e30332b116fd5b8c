/** Values of cgroup files as people write them, as the kernel takes them, and as numbers to sort and plot by. */
import { readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseCpuMax } from '../cgroup/stats/cpu-max.ts'

const UNITS: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }

/** Files that would move, stop or kill processes are refused when they are written: they are no limits. */
export function isCgroupFile(name: string): boolean {
  return /^[a-z_]+\.[\w.]+$/.test(name)
}

/**
 * The text that the kernel takes: sizes stand as they are, since it knows K, M and G, but for io.max and io.latency, which
 * take plain numbers, and a device where people write a path.
 *
 * @throws Error for what cannot be one
 */
export function knobText(file: string, text: string): string {
  const trimmed = text.trim()
  if (!/^io\.(max|latency|weight|bfq\.weight)$/.test(file)) return trimmed
  const [device = '', ...rest] = trimmed.split(/\s+/)
  const words = rest.map(word => word.replace(/=(\d+(?:\.\d+)?[kmgt])(?:i?b)?$/i, (_, size) => `=${sizeOf(size)}`))
  return [device.startsWith('/') ? diskOf(device) : device, ...words].join(' ')
}

/** `64M` → 67108864; undefined for what is no size. */
export function sizeOf(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/i.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits) * (UNITS[unit.toLowerCase()] ?? 1)
}

/**
 * What to sort and plot values of a file by: bytes, CPUs for cpu.max, the first number of io.max.
 * @returns undefined for text; infinity for `max`
 */
export function knobNumber(file: string, text: string): number | undefined {
  if (file === 'cpu.max') return parseCpuMax(text)
  if (text === 'max') return Number.POSITIVE_INFINITY
  const limit = /=(\d+)/.exec(text)?.[1]
  return limit === undefined ? sizeOf(text) : Number(limit)
}

/**
 * @param path of a block device, or of any file on one
 * @returns `major:minor` of the whole disk: limits of block I/O are for disks, not for their partitions
 */
function diskOf(path: string): string {
  const { rdev, dev, mode } = statSync(path)
  const isBlockDevice = (mode & 0o170000) === 0o060000
  const number = isBlockDevice ? rdev : dev
  const id = `${(number >> 8) & 0xfff}:${(number & 0xff) | ((number >> 12) & 0xfff00)}`
  const link = join('/sys/dev/block', id)
  let target: string
  try {
    target = join('/sys/dev/block', readlinkSync(link))
  } catch {
    throw new Error(`${path} does not lie on a block device of its own`)
  }
  try {
    readFileSync(join(link, 'partition'))
  } catch {
    return id
  }
  return readFileSync(join(target, '../dev'), 'utf8').trim()
}
