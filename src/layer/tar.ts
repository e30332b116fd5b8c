/**
 * The tar format: ustar, GNU long names, PAX.
 *
 * `tar` reads the fixed fields of a header block. Its Parser is not used: it decodes names and PAX records as UTF-8,
 * which loses bytes, skips entries it does not like, and makes a stream object of every file. Wherever two tar
 * readers could see different files in the same bytes, this one refuses.
 */
import { Header } from 'tar'
import { ExtendedHeaders } from './extended-headers.ts'
import { KERNEL_LIMITS, type LayerLimits, limitExceeded } from './limits.ts'
import { checkLength, corrupt, unsafe } from './path.ts'
import { type PaxRecords, paxInteger, paxString, paxTime, type Time, XATTR_PREFIX } from './pax.ts'

export interface TarEntry {
  /** One of the type flags `0` to `6`: file, hard link, symbolic link, character, block, directory, pipe. */
  type: '0' | '1' | '2' | '3' | '4' | '5' | '6'
  /** As it stands in the archive. Binary string, as is `linkpath`. */
  path: string
  linkpath: string
  mode: number
  uid: number
  gid: number
  /** Bytes of content that follow; 0 for everything but files. */
  size: number
  mtime: Time
  major: number
  minor: number
  /** Extended attributes by name. The values are views, which the headers of the next entry write over. */
  xattrs: Map<string, Buffer> | undefined
}

export interface TarHandler {
  entry(entry: TarEntry): void
  /** A piece of the content of the last entry: a view of what was given to the reader. */
  content(chunk: Buffer): void
  /** The last entry, with all its content, has been handed on. */
  entryEnds?(): void
}

const BLOCK = 512
/** -1 would mean "leave as it is" to chown(2). */
const MAX_ID = 0xffff_fffe

type State = 'header' | 'meta' | 'content' | 'padding' | 'end'

/** Takes an archive in pieces of any size and calls the handler for what it finds, in order. */
export class TarReader {
  readonly #handler: TarHandler
  readonly #limits: LayerLimits
  #state: State = 'header'
  /** A header block that arrives in pieces. */
  readonly #block = Buffer.alloc(BLOCK)
  #blockFilled = 0
  /** Bytes until the next state. */
  #left = 0
  #padding = 0
  #zeroBlocks = 0
  #entries = 0
  readonly #extended: ExtendedHeaders

  constructor(handler: TarHandler, limits: LayerLimits) {
    this.#handler = handler
    this.#limits = limits
    this.#extended = new ExtendedHeaders(limits)
  }

  get entries(): number {
    return this.#entries
  }

  /** @throws UtsuwaError CORRUPT_LAYER, UNSAFE_LAYER, LIMIT_EXCEEDED, and what the handler throws */
  write(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#state === 'end') return // What follows the end of an archive is padding of its medium.
      at += this.#state === 'header' ? this.#takeHeader(chunk, at) : this.#takeBody(chunk, at)
    }
  }

  /** @throws UtsuwaError CORRUPT_LAYER when the archive ends within an entry */
  end(): void {
    const atBoundary = this.#state === 'header' && this.#blockFilled === 0 && !this.#extended.isPending
    if (this.#state !== 'end' && !atBoundary) throw corrupt('the archive is truncated')
  }

  #takeHeader(chunk: Buffer, at: number): number {
    if (this.#blockFilled === 0 && chunk.length - at >= BLOCK) {
      this.#header(chunk, at)
      return BLOCK
    }
    const copied = chunk.copy(this.#block, this.#blockFilled, at, at + BLOCK - this.#blockFilled)
    this.#blockFilled += copied
    if (this.#blockFilled === BLOCK) {
      this.#blockFilled = 0
      this.#header(this.#block, 0)
    }
    return copied
  }

  #takeBody(chunk: Buffer, at: number): number {
    const length = Math.min(this.#left, chunk.length - at)
    if (this.#state === 'content') this.#handler.content(chunk.subarray(at, at + length))
    else if (this.#state === 'meta') this.#extended.take(chunk.subarray(at, at + length))
    this.#left -= length
    if (this.#left === 0) this.#bodyEnds()
    return length
  }

  /** Enters a state that lasts for `length` bytes. */
  #enter(state: 'meta' | 'content', length: number): void {
    this.#state = state
    this.#left = length
    this.#padding = padding(length)
    if (length === 0) this.#bodyEnds()
  }

  #bodyEnds(): void {
    if (this.#state === 'meta') this.#extended.end()
    else if (this.#state === 'content') this.#handler.entryEnds?.()
    this.#state = this.#padding > 0 ? 'padding' : 'header'
    this.#left = this.#padding
    this.#padding = 0
  }

  #header(block: Buffer, at: number): void {
    const header = parseBlock(block, at)
    if (header === undefined) {
      if (++this.#zeroBlocks === 2) this.#state = 'end'
      return
    }
    if (this.#zeroBlocks > 0) throw corrupt('a single zero block in the middle of the archive')
    const type = block.toString('latin1', at + 156, at + 157)
    switch (type) {
      case 'x':
      case 'g':
      case 'L':
      case 'K':
        this.#extended.begin(type, header.size)
        this.#enter('meta', header.size)
        return
      default:
        this.#entry(header, type, block, at)
    }
  }

  #entry(header: Header & { size: number }, flag: string, block: Buffer, at: number): void {
    if (++this.#entries > this.#limits.entries)
      throw limitExceeded(`more than ${this.#limits.entries} entries`, this.#limits.entries)
    const { global, local = NO_RECORDS, longPath, longLink } = this.#extended
    const path = paxString(local, 'path') ?? longPath ?? pathOf(block, at)
    checkLength(path)
    const type = typeOf(flag, path)
    const size = type === '0' ? (paxInteger(local, 'size') ?? (header.size || sizeField(block, at))) : 0
    const entry: TarEntry = {
      type,
      path,
      linkpath: paxString(local, 'linkpath') ?? longLink ?? cString(block, at + 157, 100),
      mode: (header.mode ?? 0) & 0o7777,
      uid: idOf(paxInteger(local, 'uid') ?? paxInteger(global, 'uid') ?? header.uid, path),
      gid: idOf(paxInteger(local, 'gid') ?? paxInteger(global, 'gid') ?? header.gid, path),
      size,
      mtime: paxTime(local, 'mtime') ?? paxTime(global, 'mtime') ?? timeOf(header.mtime),
      major: type === '3' || type === '4' ? deviceNumber(block, at + 329) : 0,
      minor: type === '3' || type === '4' ? deviceNumber(block, at + 337) : 0,
      xattrs: local === NO_RECORDS ? undefined : xattrsOf(local, path, this.#limits),
    }
    checkLength(entry.linkpath)
    this.#extended.clear()
    this.#handler.entry(entry)
    this.#enter('content', size)
  }
}

const NO_RECORDS: PaxRecords = new Map()

/** The fixed fields, or undefined for a block of zeros. */
function parseBlock(block: Buffer, at: number): (Header & { size: number }) | undefined {
  let header: Header
  try {
    header = new Header(block, at)
  } catch (cause) {
    throw corrupt(`a header has an invalid number: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
  if (header.nullBlock) return undefined
  if (!header.cksumValid) throw corrupt('a header has a wrong checksum')
  const { size } = header
  // Of directories the field is ignored by every reader; `tar` has made it 0.
  if (size === undefined || !Number.isSafeInteger(size)) throw corrupt('a header has an invalid size')
  return header as Header & { size: number }
}

/** `type` for what tar writers have called it since 1979. */
function typeOf(flag: string, path: string): TarEntry['type'] {
  switch (flag) {
    case '\0':
    case '0':
    case '7':
      return path.endsWith('/') ? '5' : '0'
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
      return flag
    case 'S':
      throw unsafe(path, 'GNU sparse files are not supported')
    default:
      throw unsafe(path, `entries of type ${JSON.stringify(flag)} are not supported`)
  }
}

/** Name and, in POSIX archives, prefix. GNU archives have times where POSIX has the prefix. */
function pathOf(block: Buffer, at: number): string {
  const name = cString(block, at, 100)
  const posix = block.toString('latin1', at + 257, at + 263) === 'ustar\0'
  const prefix = posix ? cString(block, at + 345, 155) : ''
  return prefix === '' ? name : `${prefix}/${name}`
}

function cString(block: Buffer, at: number, size: number): string {
  const text = block.toString('latin1', at, at + size)
  const nul = text.indexOf('\0')
  return nul < 0 ? text : text.slice(0, nul)
}

/**
 * `tar` takes a file for a directory, without content, when the name field ends in a slash. It may do so because a long
 * name was cut off there, and a PAX record or a GNU long name has all of it.
 */
function sizeField(block: Buffer, at: number): number {
  const binary = (block[at + 124]! & 0x80) !== 0
  const size = binary
    ? Number(block.readBigUInt64BE(at + 128))
    : Number.parseInt(cString(block, at + 124, 12).trim() || '0', 8)
  if (!Number.isSafeInteger(size)) throw corrupt('a header has an invalid size')
  return size
}

/** `tar` reads these in POSIX archives only; GNU archives have them in the same place. */
function deviceNumber(block: Buffer, at: number): number {
  if ((block[at]! & 0x80) !== 0) return Number(block.readBigUInt64BE(at) & 0x7fff_ffffn)
  const digits = cString(block, at, 8).trim()
  if (!/^[0-7]*$/.test(digits)) throw corrupt('a device number is not octal')
  return digits === '' ? 0 : Number.parseInt(digits, 8)
}

function idOf(id: number | undefined, path: string): number {
  if (id === undefined) return 0
  if (id < 0 || id > MAX_ID) throw corrupt(`owner ${id} is out of range`, path)
  return id
}

function timeOf(date: Date | undefined): Time {
  const milliseconds = date?.getTime() ?? 0
  return { seconds: Number.isNaN(milliseconds) ? 0 : Math.floor(milliseconds / 1000), nanoseconds: 0 }
}

function xattrsOf(records: PaxRecords, path: string, { attributes }: LayerLimits): Map<string, Buffer> | undefined {
  let xattrs: Map<string, Buffer> | undefined
  for (const [key, value] of records) {
    if (key.startsWith('GNU.sparse.')) throw unsafe(path, 'GNU sparse files are not supported')
    if (!key.startsWith(XATTR_PREFIX)) continue
    xattrs ??= new Map()
    const { attributeValue } = KERNEL_LIMITS
    if (value.length > attributeValue) throw limitExceeded(`an attribute of ${value.length} bytes`, attributeValue)
    if (xattrs.size === attributes) throw limitExceeded(`more than ${attributes} attributes of one entry`, attributes)
    xattrs.set(key.slice(XATTR_PREFIX.length), value)
  }
  return xattrs
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}
