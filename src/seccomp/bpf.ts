/**
 * An assembler for classic BPF as seccomp(2) takes it: 32-bit accumulator, loads from `struct seccomp_data`,
 * comparisons, forward jumps, return.
 */
import { UtsuwaError } from '../errors.ts'

/** A place in the program; `place` says where, once. */
export class Label {
  /** How many instructions stand behind it; known while assembling. */
  behind = -1
}

/** BPF_MAXINSNS: the kernel refuses longer programs. */
const MAX_INSTRUCTIONS = 4096

/** Size of `struct sock_filter { u16 code; u8 jt; u8 jf; u32 k }`. */
const INSTRUCTION_SIZE = 8

/** Codes of linux/bpf_common.h, composed: class | size or operation | mode or source. */
export const BPF = {
  /** BPF_LD | BPF_W | BPF_ABS: A = the 32-bit word at offset k */
  LOAD: 0x20,
  /** BPF_ALU | BPF_AND | BPF_K: A &= k */
  AND: 0x54,
  /** BPF_JMP | BPF_JA: jump k instructions forward */
  JUMP: 0x05,
  /** BPF_JMP | BPF_JEQ | BPF_K, and the like: unsigned comparison of A with k */
  JUMP_EQ: 0x15,
  JUMP_GT: 0x25,
  JUMP_GE: 0x35,
  /** BPF_RET | BPF_K */
  RETURN: 0x06,
} as const

interface Branch {
  kind: 'branch'
  code: number
  k: number
  ifTrue: Label | undefined
  ifFalse: Label | undefined
}

type Item =
  | Branch
  | { kind: 'plain'; code: number; k: number }
  | { kind: 'jump'; to: Label }
  | { kind: 'label'; label: Label }

export class BpfAssembler {
  readonly #items: Item[] = []

  load(offset: number): void {
    this.#items.push({ kind: 'plain', code: BPF.LOAD, k: offset })
  }

  and(mask: number): void {
    this.#items.push({ kind: 'plain', code: BPF.AND, k: mask })
  }

  return(value: number): void {
    this.#items.push({ kind: 'plain', code: BPF.RETURN, k: value })
  }

  /** Compares A with k; an absent label means the next instruction. */
  branch(
    comparison: typeof BPF.JUMP_EQ | typeof BPF.JUMP_GT | typeof BPF.JUMP_GE,
    k: number,
    { ifTrue, ifFalse }: { ifTrue?: Label; ifFalse?: Label },
  ): void {
    this.#items.push({ kind: 'branch', code: comparison, k, ifTrue, ifFalse })
  }

  jump(to: Label): void {
    this.#items.push({ kind: 'jump', to })
  }

  place(label: Label): void {
    this.#items.push({ kind: 'label', label })
  }

  /**
   * Works from the last instruction to the first: all jumps lead forward, so that every target is known before the
   * jump to it.
   *
   * @returns an array of `struct sock_filter`, little-endian as all architectures that utsuwa runs on
   * @throws UtsuwaError LIMIT_EXCEEDED for more than 4096 instructions
   */
  assemble(): Uint8Array {
    const program = new BackwardsProgram()
    for (let index = this.#items.length - 1; index >= 0; index--) {
      const item = this.#items[index]!
      if (item.kind === 'plain') program.prepend(item.code, 0, 0, item.k)
      else if (item.kind === 'label') item.label.behind = program.length
      else if (item.kind === 'jump') program.prepend(BPF.JUMP, 0, 0, program.distance(item.to))
      else prependBranch(program, item)
    }
    return program.finish()
  }
}

/** Offsets of a branch have 8 bits; one is kept free for the jump that the other side may need. */
const NEAR = 0xff - 1

/** A branch, and behind it a jump for each side that its own offset does not reach. */
function prependBranch(program: BackwardsProgram, { code, k, ifTrue, ifFalse }: Branch): void {
  const toTrue = program.distance(ifTrue)
  const toFalse = program.distance(ifFalse)
  const farTrue = toTrue > NEAR ? 1 : 0
  const farFalse = toFalse > NEAR ? 1 : 0
  if (farFalse) program.prepend(BPF.JUMP, 0, 0, toFalse)
  if (farTrue) program.prepend(BPF.JUMP, 0, 0, toTrue + farFalse)
  program.prepend(code, farTrue ? 0 : toTrue + farFalse, farFalse ? farTrue : toFalse + farTrue, k)
}

/** The encoded end of a program, which grows at its front. */
class BackwardsProgram {
  length = 0
  #view = new DataView(new ArrayBuffer(MAX_INSTRUCTIONS * INSTRUCTION_SIZE))

  /** Instructions to skip from the front; an absent label means none. */
  distance(label: Label | undefined): number {
    if (label === undefined) return 0
    // the kernel refuses to jump backwards
    if (label.behind === -1) throw new Error('a jump leads to a label that does not lie ahead')
    return this.length - label.behind
  }

  prepend(code: number, jt: number, jf: number, k: number): void {
    this.length += 1
    if (this.length > MAX_INSTRUCTIONS) return
    const at = (MAX_INSTRUCTIONS - this.length) * INSTRUCTION_SIZE
    this.#view.setUint16(at, code, true)
    this.#view.setUint8(at + 2, jt)
    this.#view.setUint8(at + 3, jf)
    this.#view.setUint32(at + 4, k, true)
  }

  finish(): Uint8Array {
    if (this.length > MAX_INSTRUCTIONS) {
      throw new UtsuwaError('LIMIT_EXCEEDED', `${this.length} instructions, the kernel takes ${MAX_INSTRUCTIONS}`, {
        operation: 'assemble seccomp filter',
      })
    }
    return new Uint8Array(this.#view.buffer.slice((MAX_INSTRUCTIONS - this.length) * INSTRUCTION_SIZE))
  }
}
