/**
 * Layers that are harmless but for what they make an unpacker keep, make or look up: small to fetch, large to hold. Each
 * is at most 128 MiB without its compression, of which a part would be too much to keep.
 */
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { encodePax, type TarEntry, writeTar } from './tar-writer.ts'

export interface GreedyLayer {
  /** What it makes of little. */
  readonly attempt: string
  archive(): Buffer
  /** What the message of the refusal says; undefined where the layer is taken. */
  readonly refusal?: RegExp
  /** Default gzip. */
  compress?(archive: Buffer): Buffer
}

const MEBIBYTE = 1024 ** 2
const PIECES = 120
const header = (type: string, data: Buffer | string): TarEntry => ({ path: 'header', type, data })
/** Nearly a mebibyte in one record of its own key. */
const record = (key: string) => encodePax({ [key]: Buffer.alloc(MEBIBYTE - 100, 'v') })
const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at))
/** Of 4000 bytes, in one directory. */
const longName = (index: number) => `${`${'d'.repeat(199)}/`.repeat(19)}${String(index).padStart(200, 'n')}`
/** As an archive of `entries` would be, whose parts do not fit in memory one more time as entries. */
const joined = (parts: Iterable<Buffer>) => Buffer.concat([...parts, Buffer.alloc(1024)])
const part = (...entries: TarEntry[]) => writeTar(entries, { end: false })

/** Names that each lead through 19 links, of which each takes `steps` and the one before; the kernel, when it begins anew, counts on to 40. */
const lookUps = (steps: number) =>
  writeTar([
    { path: 'l0', type: '2', linkpath: '.' },
    ...times(18, index => ({ path: `l${index + 1}`, type: '2', linkpath: `${'./'.repeat(steps)}l${index}` })),
    ...times(2000, index => ({ path: `l18/${index}/f`, data: '' })),
  ])

export const greedyLayers: readonly GreedyLayer[] = [
  {
    attempt: 'global headers',
    archive: () => joined(times(PIECES, index => part(header('g', record(`key${index}`))))),
    refusal: /extended headers of \d+ bytes, the limit is 1048576/,
  },
  {
    attempt: 'a global header before each entry',
    archive: () => joined(times(PIECES, index => part(header('g', record(`key${index}`)), { path: `f${index}` }))),
  },
  {
    attempt: 'extended headers before one entry',
    archive: () => joined(times(PIECES, index => part(header('x', record(`SCHILY.xattr.user.k${index}`))))),
    refusal: /extended headers of \d+ bytes, the limit is 1048576/,
  },
  {
    attempt: 'empty extended headers before one entry',
    archive: () => joined(times(100_000, () => part(header('x', '')))),
    refusal: /more than 16 extended headers of one entry/,
  },
  {
    attempt: 'a large extended header before each entry',
    archive: () => joined(times(PIECES, index => part(header('x', record('comment')), { path: `f${index}` }))),
  },
  {
    attempt: 'long names, one after the other',
    archive: () => joined(times(PIECES, () => part(header('L', Buffer.alloc(MEBIBYTE, 'n'))))),
    refusal: /extended headers of \d+ bytes, the limit is 1048576/,
  },
  {
    attempt: 'the target of a link',
    archive: () => writeTar([header('K', Buffer.alloc(MEBIBYTE, 't')), { path: 'l', type: '2' }]),
    refusal: /a path of 1048576 bytes, the limit is 4095/,
  },
  {
    attempt: 'attributes of an entry with a long name',
    archive: () => {
      const names = times(30_000, index => [`SCHILY.xattr.user.${index}`, 'v'])
      return writeTar([{ path: longName(0), pax: Object.fromEntries(names) as Record<string, string> }])
    },
    refusal: /more than 1000 attributes of one entry/,
  },
  {
    attempt: 'the value of an attribute',
    archive: () => writeTar([{ path: 'f', pax: { 'SCHILY.xattr.user.v': Buffer.alloc(65_537) } }]),
    refusal: /an attribute of 65537 bytes, the limit is 65536/,
  },
  {
    attempt: 'directories with long names',
    archive: () => joined(times(10_000, index => part({ path: `${longName(index)}/` }))),
  },
  {
    attempt: 'directories that it does not list',
    archive: () => writeTar(times(400, index => ({ path: `${index}/${'d/'.repeat(509)}f` }))),
    refusal: /directories that it does not list, beside one an entry, the limit is 10000/,
  },
  {
    attempt: 'what a zstd frame has to be read with',
    archive: () => writeTar([{ path: 'f', data: Buffer.alloc(127 * MEBIBYTE, 'zstd') }]),
    refusal: /a zstd window of more than 33554432 bytes/,
    compress: archive => zstdCompressSync(archive, { params: { [constants.ZSTD_c_windowLog]: 27 } }),
  },
  {
    attempt: 'look-ups through links of many steps',
    archive: () => lookUps(2000),
    refusal: /a path of 2001 components, the limit is 128/,
  },
  {
    attempt: 'look-ups through links of as many steps as they may have',
    archive: () => lookUps(127),
  },
]

export const compressed = ({ compress = gzipSync }: GreedyLayer, archive: Buffer): Buffer => compress(archive)
