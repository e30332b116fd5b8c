/** What stands in front of an entry and adds to its header: PAX records, and the long names of GNU archives. */
import { type LayerLimits, limitExceeded } from './limits.ts'
import { type PaxRecords, readPaxRecords, XATTR_PREFIX } from './pax.ts'

export type ExtendedHeader = 'x' | 'g' | 'L' | 'K'

const GLOBAL_KEYS: ReadonlySet<string> = new Set(['uid', 'gid', 'mtime'])
const LOCAL_KEYS: ReadonlySet<string> = new Set([...GLOBAL_KEYS, 'path', 'linkpath', 'size'])
const SPARSE_PREFIX = 'GNU.sparse.'

const isUsedOfOne = (key: string) =>
  LOCAL_KEYS.has(key) || key.startsWith(XATTR_PREFIX) || key.startsWith(SPARSE_PREFIX)
/** What names or measures a single file makes no sense for all of them. */
const isUsedOfAll = (key: string) => GLOBAL_KEYS.has(key)

/**
 * Reads the bodies of headers, which come in pieces of any size. What they may hold is bounded for each entry, in number
 * and in bytes, and their memory is used again for the next one.
 */
export class ExtendedHeaders {
  /** Counts until it is taken back by an empty value. */
  readonly global: PaxRecords = new Map()
  /** Headers of the next entry. The values are views, which the headers of the entry after it write over. */
  local: PaxRecords | undefined
  longPath: string | undefined
  longLink: string | undefined
  readonly #limits: LayerLimits
  /** The bodies of the headers of one entry, one behind the other. */
  #bodies = Buffer.alloc(0)
  #filled = 0
  #count = 0
  #type: ExtendedHeader = 'x'
  #start = 0

  constructor(limits: LayerLimits) {
    this.#limits = limits
  }

  /** True in front of an entry that must follow. */
  get isPending(): boolean {
    return this.local !== undefined || this.longPath !== undefined || this.longLink !== undefined
  }

  /** @throws UtsuwaError LIMIT_EXCEEDED */
  begin(type: ExtendedHeader, size: number): void {
    const { headers, headerBytes } = this.#limits
    if (++this.#count > headers) throw limitExceeded(`more than ${headers} extended headers of one entry`, headers)
    const needed = this.#filled + size
    if (needed > headerBytes) throw limitExceeded(`extended headers of ${needed} bytes`, headerBytes)
    if (needed > this.#bodies.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(headerBytes, Math.max(needed, 2 * this.#bodies.length)))
      this.#bodies.copy(grown, 0, 0, this.#filled)
      this.#bodies = grown
    }
    this.#type = type
    this.#start = this.#filled
  }

  take(piece: Buffer): void {
    this.#filled += piece.copy(this.#bodies, this.#filled)
  }

  /** All of the header that was begun is here. @throws UtsuwaError CORRUPT_LAYER, LIMIT_EXCEEDED */
  end(): void {
    const body = this.#bodies.subarray(this.#start, this.#filled)
    if (this.#type === 'x') {
      this.local ??= new Map()
      readPaxRecords(body, this.local, isUsedOfOne)
    } else if (this.#type === 'g') {
      const records: PaxRecords = new Map()
      readPaxRecords(body, records, isUsedOfAll)
      for (const [key, value] of records) this.global.set(key, Buffer.from(value))
    } else {
      const nul = body.indexOf(0)
      const name = body.toString('latin1', 0, nul < 0 ? body.length : nul)
      if (this.#type === 'L') this.longPath = name
      else this.longLink = name
    }
  }

  /** After the entry that they were for. */
  clear(): void {
    this.local = undefined
    this.longPath = undefined
    this.longLink = undefined
    this.#filled = 0
    this.#count = 0
  }
}
