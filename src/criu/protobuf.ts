/** As much of protocol buffers (proto2, encoding.md) as the messages of criu need: varints, text and messages in messages. */

const VARINT = 0
const FIXED64 = 1
const LENGTH_DELIMITED = 2
const FIXED32 = 5

/** Collects the fields of a message. A field that is undefined is left out. */
export class MessageWriter {
  readonly #parts: Buffer[] = []

  /** An unsigned integer, an enumeration, or an int32 that is not negative. */
  number(field: number, value: number | undefined): this {
    return value === undefined ? this : this.#add(field, VARINT, varint(value))
  }

  boolean(field: number, value: boolean | undefined): this {
    return this.number(field, value === undefined ? undefined : Number(value))
  }

  text(field: number, value: string | undefined): this {
    return value === undefined ? this : this.#addBytes(field, Buffer.from(value))
  }

  message(field: number, value: MessageWriter): this {
    return this.#addBytes(field, value.take())
  }

  take(): Buffer {
    return Buffer.concat(this.#parts)
  }

  #addBytes(field: number, bytes: Buffer): this {
    return this.#add(field, LENGTH_DELIMITED, varint(bytes.length), bytes)
  }

  #add(field: number, wireType: number, ...bytes: Buffer[]): this {
    this.#parts.push(varint(field * 8 + wireType), ...bytes)
    return this
  }
}

function varint(value: number): Buffer {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`no unsigned integer: ${value}`)
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return Buffer.from([...bytes, rest])
}

/** The last value of each field, as a number or as bytes. */
export type ProtobufFields = ReadonlyMap<number, number | Buffer>

/** @throws RangeError for what is no message */
export function readFields(message: Buffer): ProtobufFields {
  const fields = new Map<number, number | Buffer>()
  let at = 0
  const take = (length: number): Buffer => {
    if (at + length > message.length) throw new RangeError('the message ends too early')
    at += length
    return message.subarray(at - length, at)
  }
  const number = (): number => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = take(1)[0]!
      value |= BigInt(byte & 0x7f) << shift
      // A negative int32 arrives with 64 bits.
      if (byte < 0x80) return Number(BigInt.asIntN(64, value))
    }
  }
  while (at < message.length) {
    const tag = number()
    const field = Math.floor(tag / 8)
    const wireType = tag % 8
    if (wireType === VARINT) fields.set(field, number())
    else if (wireType === LENGTH_DELIMITED) fields.set(field, take(number()))
    else if (wireType === FIXED32) take(4)
    else if (wireType === FIXED64) take(8)
    else throw new RangeError(`unknown wire type ${wireType}`)
  }
  return fields
}
