/**
 * The wire format between TypeScript and the C programs, and the single description of both of its sides.
 *
 * A *vocabulary* lists record types and their fields. From it come the TypeScript types of the records, the encoder
 * (here) and the C header with the structs and the bounds-checked decoder (`tools/generate-wire.ts`), so no number is
 * ever kept in step by hand. The vocabulary's hash travels with the data: two builds that disagree refuse each other.
 *
 * A record is little-endian:
 *
 *     u32 size of the whole record · u32 record type · the fields in order
 *
 *     u32 i32 u64 i64   fixed width, unaligned
 *     choice            u32, index into the listed names
 *     string            u32 length without the NUL · bytes without NUL · NUL
 *     bytes             u32 length · bytes
 *     strings           u32 count · u32 size · each as bytes and NUL
 */

export type ScalarField = 'u32' | 'i32' | 'u64' | 'i64' | 'string' | 'bytes' | 'strings'

/** A closed set of names; C sees an enum called `name`, TypeScript a union of the choices. */
export interface ChoiceField<Choice extends string = string> {
  readonly name: string
  readonly choices: readonly Choice[]
}

export type Field = ScalarField | ChoiceField
export type Fields = Readonly<Record<string, Field>>
export type RecordTypes = Readonly<Record<string, Fields>>

export function choice<const Choice extends string>(name: string, choices: readonly Choice[]): ChoiceField<Choice> {
  return { name, choices }
}

export interface Vocabulary<Types extends RecordTypes = RecordTypes> {
  /** Prefix of every C identifier: `plan` gives `struct plan_mount_at`, `plan_decode()`. */
  readonly name: string
  readonly types: Types
  /** Closed sets that both sides use outside of records. */
  readonly choices?: readonly ChoiceField[]
}

type ValueOf<F extends Field> = F extends 'u32' | 'i32'
  ? number
  : F extends 'u64' | 'i64'
    ? number | bigint
    : F extends 'string'
      ? string
      : F extends 'bytes'
        ? Uint8Array
        : F extends 'strings'
          ? readonly string[]
          : F extends ChoiceField<infer Choice>
            ? Choice
            : never

/** The union of all records of a vocabulary, told apart by `op`. */
export type RecordOf<V> =
  V extends Vocabulary<infer Types>
    ? { [Op in keyof Types & string]: { op: Op } & { [F in keyof Types[Op]]: ValueOf<Types[Op][F]> } }[keyof Types &
        string]
    : never

/** The number that stands for a record type on the wire; 0 is never used, so zeroed memory is no record. */
export function recordNumber(vocabulary: Vocabulary, op: string): number {
  return Object.keys(vocabulary.types).indexOf(op) + 1
}

/** 64-bit hash of everything both sides must agree on. */
export function vocabularyHash(vocabulary: Vocabulary): bigint {
  const text = JSON.stringify([
    vocabulary.name,
    vocabulary.choices ?? [],
    Object.entries(vocabulary.types).map(([op, f]) => [op, Object.entries(f)]),
  ])
  return (BigInt(fnv1a(text, FNV_OFFSET)) << 32n) | BigInt(fnv1a(text, ~FNV_OFFSET))
}

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** FNV-1a of 32 bits: it tells builds apart, not enemies, and needs no cryptography to be loaded at every start. */
function fnv1a(text: string, offset: number): number {
  let hash = offset
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME)
  return hash >>> 0
}

const HEADER_SIZE = 8
const INITIAL_CAPACITY = 16 * 1024

type Layouts = ReadonlyMap<string, { readonly number: number; readonly fields: readonly (readonly [string, Field])[] }>

/** Made once for each vocabulary: a writer lives no longer than one plan, or one small layer. */
const layouts = new WeakMap<Vocabulary, Layouts>()

function layoutsOf(vocabulary: Vocabulary): Layouts {
  const known = layouts.get(vocabulary)
  if (known !== undefined) return known
  const types = Object.entries(vocabulary.types)
  const made = new Map(types.map(([op, fields], index) => [op, { number: index + 1, fields: Object.entries(fields) }]))
  layouts.set(vocabulary, made)
  return made
}

/**
 * Appends records to one growing buffer.
 *
 * Values come from this program and are checked where they enter it; what is checked here is what the wire cannot
 * carry: a NUL inside a string, which C would read as a shorter string.
 */
export class RecordWriter<V extends Vocabulary> {
  readonly #layouts: Layouts
  #buffer: Buffer
  #length = 0
  #taken = 0

  constructor(vocabulary: V, capacity = INITIAL_CAPACITY) {
    this.#layouts = layoutsOf(vocabulary)
    this.#buffer = Buffer.allocUnsafe(capacity)
  }

  /** Bytes written since the last `take()`. */
  get length(): number {
    return this.#length - this.#taken
  }

  write(record: RecordOf<V>): void {
    const { op } = record as { op: string }
    const start = this.#length
    this.#reserve(HEADER_SIZE)
    this.#length += HEADER_SIZE
    const { number, fields } = this.#layouts.get(op)!
    try {
      for (const [name, field] of fields) this.#writeField(name, field, (record as Record<string, unknown>)[name])
    } catch (error) {
      this.#length = start
      throw error
    }
    this.#buffer.writeUInt32LE(this.#length - start, start)
    this.#buffer.writeUInt32LE(number, start + 4)
  }

  /** Appends bytes that follow a record outside of it, such as a file's content. */
  writeRaw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** Returns what was written since the last call, as a view that stays as it is until `rewind()`. */
  take(): Buffer {
    const taken = this.#buffer.subarray(this.#taken, this.#length)
    this.#taken = this.#length
    return taken
  }

  /** Starts anew in the same memory: what was taken is no longer used. */
  rewind(): void {
    this.#length = 0
    this.#taken = 0
  }

  #writeField(name: string, field: Field, value: unknown): void {
    if (typeof field === 'object') {
      const index = field.choices.indexOf(value as string)
      if (index < 0) throw new TypeError(`${name}: ${String(value)} is none of ${field.choices.join(', ')}`)
      this.#writeU32(index)
    } else if (field === 'u32') this.#writeU32(value as number)
    else if (field === 'i32') {
      this.#reserve(4)
      this.#length = this.#buffer.writeInt32LE(value as number, this.#length)
    } else if (field === 'u64') {
      this.#reserve(8)
      this.#length = this.#buffer.writeBigUInt64LE(BigInt(value as number | bigint), this.#length)
    } else if (field === 'i64') {
      this.#reserve(8)
      this.#length = this.#buffer.writeBigInt64LE(BigInt(value as number | bigint), this.#length)
    } else if (field === 'string') {
      const lengthAt = this.#length
      this.#writeU32(0)
      this.#writeCString(name, value as string)
      this.#buffer.writeUInt32LE(this.#length - lengthAt - 5, lengthAt)
    } else if (field === 'bytes') {
      this.#writeU32((value as Uint8Array).length)
      this.writeRaw(value as Uint8Array)
    } else {
      this.#writeU32((value as readonly string[]).length)
      const sizeAt = this.#length
      this.#writeU32(0)
      for (const item of value as readonly string[]) this.#writeCString(name, item)
      this.#buffer.writeUInt32LE(this.#length - sizeAt - 4, sizeAt)
    }
  }

  #writeU32(value: number): void {
    this.#reserve(4)
    this.#length = this.#buffer.writeUInt32LE(value, this.#length)
  }

  #writeCString(name: string, value: string): void {
    if (value.includes('\0')) throw new TypeError(`${name}: a string cannot contain a NUL byte`)
    this.#reserve(value.length * 3 + 1)
    this.#length += this.#buffer.write(value, this.#length)
    this.#buffer[this.#length++] = 0
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
  }
}
