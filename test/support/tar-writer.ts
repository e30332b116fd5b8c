/**
 * A tar writer that can produce what no honest tool would: any type flag, any size field, any bytes in a name.
 * It is independent of the code under test on purpose.
 */

export interface TarEntry {
  path: string | Buffer
  /** A ustar type flag. Default: `'5'` when the path ends with a slash, `'0'` otherwise. */
  type?: string
  /** Target of a symbolic link (`'2'`) or name of the first link of a hard link (`'1'`). */
  linkpath?: string | Buffer
  data?: Buffer | string
  /** Permission bits. Default 0755 for directories, 0644 for everything else. */
  mode?: number
  uid?: number
  gid?: number
  /** Seconds since the epoch. Default 1,000,000,000. */
  mtime?: number
  device?: { major: number; minor: number }
  /** PAX records of this entry, written in a preceding `x` header. */
  pax?: Record<string, string | Buffer>
  /** What the header claims the size to be, where that differs from the data. */
  claimedSize?: number
  /** `gnu` writes the GNU magic, and long names as `L` and `K` entries; `ustar` writes PAX records for them. */
  format?: 'ustar' | 'gnu'
}

const BLOCK = 512
const toBytes = (value: string | Buffer): Buffer => (typeof value === 'string' ? Buffer.from(value) : value)

/** One archive of these entries, with the two zero blocks at its end unless `end` is false. */
export function writeTar(entries: readonly TarEntry[], { end = true } = {}): Buffer {
  const blocks = entries.flatMap(writeEntry)
  return Buffer.concat(end ? [...blocks, Buffer.alloc(2 * BLOCK)] : blocks)
}

function writeEntry(entry: TarEntry): Buffer[] {
  const path = toBytes(entry.path)
  const linkpath = toBytes(entry.linkpath ?? '')
  const data = toBytes(entry.data ?? '')
  const gnu = entry.format === 'gnu'
  const pax = { ...entry.pax }
  const blocks: Buffer[] = []
  if (path.length > 100) {
    if (gnu) blocks.push(...metaEntry('L', '././@LongLink', Buffer.concat([path, Buffer.alloc(1)]), gnu))
    else pax.path ??= path
  }
  if (linkpath.length > 100) {
    if (gnu) blocks.push(...metaEntry('K', '././@LongLink', Buffer.concat([linkpath, Buffer.alloc(1)]), gnu))
    else pax.linkpath ??= linkpath
  }
  if (Object.keys(pax).length > 0) blocks.push(...metaEntry('x', 'PaxHeaders/entry', encodePax(pax), gnu))
  const type = entry.type ?? (path.at(-1) === 0x2f ? '5' : '0')
  blocks.push(header({ ...entry, path, linkpath, type, size: entry.claimedSize ?? data.length }), padded(data))
  return blocks
}

/** The body of a PAX header: `"length key=value\n"` records, where the length counts itself. */
export function encodePax(records: Record<string, string | Buffer>): Buffer {
  return Buffer.concat(
    Object.entries(records).map(([key, value]) => {
      const rest = Buffer.concat([Buffer.from(` ${key}=`), toBytes(value), Buffer.from('\n')])
      let length = rest.length + 1
      while (String(length).length + rest.length !== length) length = String(length).length + rest.length
      return Buffer.concat([Buffer.from(String(length)), rest])
    }),
  )
}

function metaEntry(type: string, path: string, body: Buffer, gnu: boolean): Buffer[] {
  const format = gnu ? 'gnu' : 'ustar'
  return [header({ path: Buffer.from(path), linkpath: Buffer.alloc(0), type, size: body.length, format }), padded(body)]
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)])
}

interface HeaderFields extends Omit<TarEntry, 'path' | 'linkpath' | 'data'> {
  path: Buffer
  linkpath: Buffer
  type: string
  size: number
}

function header(fields: HeaderFields): Buffer {
  const block = Buffer.alloc(BLOCK)
  fields.path.copy(block, 0, 0, 100)
  writeNumber(block, 100, 8, fields.mode ?? (fields.type === '5' ? 0o755 : 0o644))
  writeNumber(block, 108, 8, fields.uid ?? 0)
  writeNumber(block, 116, 8, fields.gid ?? 0)
  writeNumber(block, 124, 12, fields.size)
  writeNumber(block, 136, 12, fields.mtime ?? 1_000_000_000)
  block.write(fields.type, 156, 1, 'latin1')
  fields.linkpath.copy(block, 157, 0, 100)
  block.write(fields.format === 'gnu' ? 'ustar  \0' : 'ustar\x0000', 257, 8, 'latin1')
  if (fields.device !== undefined) {
    writeNumber(block, 329, 8, fields.device.major)
    writeNumber(block, 337, 8, fields.device.minor)
  }
  block.fill(0x20, 148, 156)
  const checksum = block.reduce((sum, byte) => sum + byte, 0)
  block.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1')
  return block
}

/** Octal where it fits, otherwise GNU base-256 (two's complement, so negative numbers can be written too). */
function writeNumber(block: Buffer, offset: number, width: number, value: number): void {
  const octal = value.toString(8)
  if (value >= 0 && octal.length < width) {
    block.write(`${octal.padStart(width - 1, '0')}\0`, offset, width, 'latin1')
    return
  }
  let rest = BigInt(value)
  for (let at = offset + width - 1; at >= offset; at--) {
    block[at] = Number(rest & 0xffn)
    rest >>= 8n
  }
  block[offset]! |= 0x80
}
