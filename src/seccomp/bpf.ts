/**
 * An assembler for classic BPF as seccomp(2) takes it: 32-bit accumulator, loads from `struct seccomp_data`,
 * comparisons, forward jumps, return.
 */
import { UtsuwaError } from '../errors.ts'

/** A place in the program; `place` says where. */
export interface Label {
  readonly name: string
}

/** BPF_MAXINSNS: the kernel refuses longer programs. */
export const MAX_INSTRUCTIONS = 4096

/** Size of `struct sock_filter { u16 code; u8 jt; u8 jf; u32 k }`. */
export const INSTRUCTION_SIZE = 8

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

type Item =
  | { kind: 'plain'; code: number; k: number }
  | { kind: 'branch'; code: number; k: number; ifTrue: Label | undefined; ifFalse: Label | undefined }
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
    const backwards: Instruction[] = []
    /** How many instructions stand behind each label. */
    const behind = new Map<Label, number>()
    const distance = (label: Label | undefined) => (label === undefined ? 0 : backwards.length - target(label, behind))
    for (const item of this.#items.toReversed()) {
      if (item.kind === 'plain') backwards.push({ code: item.code, jt: 0, jf: 0, k: item.k })
      else if (item.kind === 'label') behind.set(item.label, backwards.length)
      else if (item.kind === 'jump') backwards.push({ code: BPF.JUMP, jt: 0, jf: 0, k: distance(item.to) })
      else backwards.push(...branchBackwards(item, distance(item.ifTrue), distance(item.ifFalse)))
    }
    return encode(backwards.toReversed())
  }
}

interface Instruction {
  code: number
  jt: number
  jf: number
  k: number
}

function target(label: Label, behind: ReadonlyMap<Label, number>): number {
  const position = behind.get(label)
  // the kernel refuses to jump backwards
  if (position === undefined) throw new Error(`label ${label.name} does not lie ahead`)
  return position
}

/** Offsets of a branch have 8 bits; one is kept free for the jump that the other side may need. */
const NEAR = 0xff - 1

/** A branch, and behind it a jump for each side that its own offset does not reach; last instruction first. */
function branchBackwards({ code, k }: { code: number; k: number }, toTrue: number, toFalse: number): Instruction[] {
  const farTrue = toTrue > NEAR ? 1 : 0
  const farFalse = toFalse > NEAR ? 1 : 0
  const result: Instruction[] = []
  if (farFalse) result.push({ code: BPF.JUMP, jt: 0, jf: 0, k: toFalse })
  if (farTrue) result.push({ code: BPF.JUMP, jt: 0, jf: 0, k: toTrue + farFalse })
  const jt = farTrue ? 0 : toTrue + farFalse
  const jf = farFalse ? farTrue : toFalse + farTrue
  result.push({ code, jt, jf, k })
  return result
}

function encode(instructions: readonly Instruction[]): Uint8Array {
  if (instructions.length > MAX_INSTRUCTIONS) {
    throw new UtsuwaError(
      'LIMIT_EXCEEDED',
      `${instructions.length} instructions, the kernel takes ${MAX_INSTRUCTIONS}`,
      { operation: 'assemble seccomp filter' },
    )
  }
  const view = new DataView(new ArrayBuffer(instructions.length * INSTRUCTION_SIZE))
  for (const [index, { code, jt, jf, k }] of instructions.entries()) {
    const at = index * INSTRUCTION_SIZE
    view.setUint16(at, code, true)
    view.setUint8(at + 2, jt)
    view.setUint8(at + 3, jf)
    view.setUint32(at + 4, k, true)
  }
  return new Uint8Array(view.buffer)
}
