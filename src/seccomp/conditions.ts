/** BPF for comparisons of system call arguments, which are 64 bits wide while BPF computes with 32. */
import { BPF, type BpfAssembler, Label } from './bpf.ts'
import type { Condition } from './rules.ts'

/** Offsets in `struct seccomp_data`, little-endian. */
export const NUMBER_OFFSET = 0
export const ARCH_OFFSET = 4
const ARGS_OFFSET = 16

/**
 * Emits code that continues with the next instruction when the condition holds, and to `otherwise` when not.
 *
 * Where the kernel takes 32 bits, the lower halves of argument and operand are compared: what a caller leaves in the upper
 * one must make no difference (CVE-2026-123876), and a profile's −1, written as 64 bits, matches.
 */
export function emitCondition(
  asm: BpfAssembler,
  { index, op, value, valueTwo = 0, bits }: Condition,
  otherwise: Label,
): void {
  const low = ARGS_OFFSET + 8 * index
  const high = bits === 64 ? low + 4 : undefined
  const operand = split(value)
  const holds = new Label()
  switch (op) {
    case 'SCMP_CMP_EQ':
      if (high !== undefined) emitEqual(asm, high, operand.high, otherwise)
      emitEqual(asm, low, operand.low, otherwise)
      break
    case 'SCMP_CMP_NE':
      if (high !== undefined) {
        asm.load(high)
        asm.branch(BPF.JUMP_EQ, operand.high, { ifFalse: holds })
      }
      asm.load(low)
      asm.branch(BPF.JUMP_EQ, operand.low, { ifTrue: otherwise })
      break
    case 'SCMP_CMP_MASKED_EQ': {
      // here the first value is the mask, and bits of the second outside it do not count
      const wanted = split(BigInt.asUintN(64, BigInt(value) & BigInt(valueTwo)))
      if (high !== undefined) emitMaskedEqual(asm, high, operand.high, wanted.high, otherwise)
      emitMaskedEqual(asm, low, operand.low, wanted.low, otherwise)
      break
    }
    case 'SCMP_CMP_GT':
    case 'SCMP_CMP_GE': {
      if (high !== undefined) emitHighComparison(asm, high, operand.high, { greater: holds, less: otherwise })
      asm.load(low)
      asm.branch(op === 'SCMP_CMP_GT' ? BPF.JUMP_GT : BPF.JUMP_GE, operand.low, { ifFalse: otherwise })
      break
    }
    case 'SCMP_CMP_LT':
    case 'SCMP_CMP_LE': {
      if (high !== undefined) emitHighComparison(asm, high, operand.high, { greater: otherwise, less: holds })
      asm.load(low)
      asm.branch(op === 'SCMP_CMP_LE' ? BPF.JUMP_GT : BPF.JUMP_GE, operand.low, { ifTrue: otherwise })
      break
    }
  }
  asm.place(holds)
}

function emitEqual(asm: BpfAssembler, offset: number, wanted: number, otherwise: Label): void {
  asm.load(offset)
  asm.branch(BPF.JUMP_EQ, wanted, { ifFalse: otherwise })
}

function emitMaskedEqual(asm: BpfAssembler, offset: number, mask: number, wanted: number, otherwise: Label): void {
  if (mask === 0) return
  asm.load(offset)
  if (mask !== 0xffff_ffff) asm.and(mask)
  asm.branch(BPF.JUMP_EQ, wanted, { ifFalse: otherwise })
}

/** Decides by the upper halves; continues when they are equal. */
function emitHighComparison(
  asm: BpfAssembler,
  offset: number,
  operand: number,
  { greater, less }: { greater: Label; less: Label },
): void {
  asm.load(offset)
  asm.branch(BPF.JUMP_GT, operand, { ifTrue: greater })
  asm.branch(BPF.JUMP_EQ, operand, { ifFalse: less })
}

function split(value: number | bigint): { high: number; low: number } {
  const bits = BigInt.asUintN(64, BigInt(value))
  return { high: Number(bits >> 32n), low: Number(bits & 0xffff_ffffn) }
}
