/** A small interpreter for the classic BPF that seccomp filters are made of, and a way to make their input. */

export interface SeccompData {
  nr: number
  arch: number
  args?: readonly (number | bigint)[]
}

/** Runs a program of `struct sock_filter` as the kernel would, checks included. @returns the filter's return value */
export function interpret(program: Uint8Array, { nr, arch, args = [] }: SeccompData): number {
  const data = new DataView(new ArrayBuffer(64))
  data.setUint32(0, nr, true)
  data.setUint32(4, arch, true)
  for (const [index, value] of args.entries()) {
    data.setBigUint64(16 + 8 * index, BigInt.asUintN(64, BigInt(value)), true)
  }
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength)
  let accumulator = 0
  for (let at = 0; at < program.byteLength / 8; at++) {
    const k = code.getUint32(at * 8 + 4, true)
    const branch = (taken: boolean) => {
      at += code.getUint8(at * 8 + (taken ? 2 : 3))
    }
    const opcode = code.getUint16(at * 8, true)
    if (opcode === 0x20) accumulator = data.getUint32(k, true)
    else if (opcode === 0x54) accumulator = (accumulator & k) >>> 0
    else if (opcode === 0x05) at += k
    else if (opcode === 0x15) branch(accumulator === k)
    else if (opcode === 0x25) branch(accumulator > k)
    else if (opcode === 0x35) branch(accumulator >= k)
    else if (opcode === 0x45) branch((accumulator & k) !== 0)
    else if (opcode === 0x06) return k
    else throw new Error(`opcode 0x${opcode.toString(16)} at ${at}`)
  }
  throw new Error('ran past the end of the program')
}
