/**
 * cgroup v2 has no files for devices: a BPF program attached to the cgroup (BPF_CGROUP_DEVICE) is asked on every open
 * and mknod of a device, and answers 1 for yes.
 */
import type { LinuxDeviceCgroup } from '../../spec/runtime.ts'

/** BPF_DEVCG_… of linux/bpf.h */
const ACCESS = { m: 1, r: 2, w: 4 } as const
const ALL_ACCESS = ACCESS.m | ACCESS.r | ACCESS.w
const TYPE = { b: 1, c: 2 } as const

/** Offsets in `struct bpf_cgroup_dev_ctx`. */
const CONTEXT = { accessType: 0, major: 4, minor: 8 } as const

/** What each register holds throughout. */
const R = { result: 0, context: 1, type: 2, wanted: 3, major: 4, minor: 5 } as const

/** Opcodes of the BPF instruction set, RFC 9669. */
const OP = {
  LOAD_WORD: 0x61, // LDX | MEM | W
  AND: 0x54, // ALU | AND | K
  SHIFT_RIGHT: 0x74, // ALU | RSH | K
  MOVE: 0xb7, // ALU64 | MOV | K
  JUMP: 0x05, // JMP | JA
  JUMP_NOT_EQUAL: 0x55, // JMP | JNE | K
  JUMP_IF_BITS: 0x45, // JMP | JSET | K
  EXIT: 0x95,
} as const

interface Instruction {
  op: number
  dst?: number
  src?: number
  offset?: number
  immediate?: number
}

/**
 * The usual devices of a container, as runc and crun allow them: creating any node is harmless, since it cannot be
 * opened; using one is allowed for those that every container has. They belong behind the rules of a runtime spec, so
 * that these devices work whatever it says.
 */
export const defaultDeviceRules: readonly LinuxDeviceCgroup[] = [
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' }, // /dev/null
  { allow: true, type: 'c', major: 1, minor: 5, access: 'rwm' }, // /dev/zero
  { allow: true, type: 'c', major: 1, minor: 7, access: 'rwm' }, // /dev/full
  { allow: true, type: 'c', major: 1, minor: 8, access: 'rwm' }, // /dev/random
  { allow: true, type: 'c', major: 1, minor: 9, access: 'rwm' }, // /dev/urandom
  { allow: true, type: 'c', major: 5, minor: 0, access: 'rwm' }, // /dev/tty
  { allow: true, type: 'c', major: 5, minor: 1, access: 'rwm' }, // /dev/console
  { allow: true, type: 'c', major: 5, minor: 2, access: 'rwm' }, // /dev/ptmx
  { allow: true, type: 'c', major: 136, access: 'rwm' }, // /dev/pts/*
]

/**
 * Compiles device rules to a program. Each kind of access is decided by the last rule that matches the device and
 * names it; what no rule decides is denied. So after `allow rw`, `deny w` leaves reading, and opening for both fails.
 *
 * @returns an array of `struct bpf_insn`
 */
export function compileDeviceProgram(rules: readonly LinuxDeviceCgroup[]): Uint8Array {
  const program: Instruction[] = [
    { op: OP.LOAD_WORD, dst: R.type, src: R.context, offset: CONTEXT.accessType },
    { op: OP.AND, dst: R.type, immediate: 0xffff },
    { op: OP.LOAD_WORD, dst: R.wanted, src: R.context, offset: CONTEXT.accessType },
    { op: OP.SHIFT_RIGHT, dst: R.wanted, immediate: 16 },
    { op: OP.LOAD_WORD, dst: R.major, src: R.context, offset: CONTEXT.major },
    { op: OP.LOAD_WORD, dst: R.minor, src: R.context, offset: CONTEXT.minor },
  ]
  for (const rule of rules.toReversed()) {
    const conditions = deviceConditions(rule)
    const access = accessMask(rule)
    program.push(...block(conditions, verdict(rule.allow, access)))
    // the verifier refuses programs with instructions that are never reached
    if (conditions.length === 0 && access === ALL_ACCESS) return encode(program)
  }
  program.push(...answer(false))
  return encode(program)
}

/** −1 stands for all, as engines write it. */
function deviceConditions({
  type = 'a',
  major = -1,
  minor = -1,
}: LinuxDeviceCgroup): { register: number; value: number }[] {
  const conditions: { register: number; value: number }[] = []
  if (type !== 'a') conditions.push({ register: R.type, value: TYPE[type] })
  if (major !== -1) conditions.push({ register: R.major, value: major })
  if (minor !== -1) conditions.push({ register: R.minor, value: minor })
  return conditions
}

function accessMask({ access }: LinuxDeviceCgroup): number {
  if (access === undefined) return ALL_ACCESS
  return [...access].reduce((mask, letter) => mask | ACCESS[letter as keyof typeof ACCESS], 0)
}

/** `body`, skipped unless all conditions hold. */
function block(conditions: { register: number; value: number }[], body: Instruction[]): Instruction[] {
  const jumps = conditions.map(({ register, value }, index) => ({
    op: OP.JUMP_NOT_EQUAL,
    dst: register,
    immediate: value,
    offset: conditions.length - 1 - index + body.length,
  }))
  return [...jumps, ...body]
}

/** What a matching rule does with the access that is still wanted: answers, or leaves the rest to earlier rules. */
function verdict(allow: boolean, access: number): Instruction[] {
  if (access === ALL_ACCESS) return answer(allow)
  if (access === 0) return []
  if (allow) {
    const granted = { op: OP.AND, dst: R.wanted, immediate: ALL_ACCESS & ~access }
    return [granted, ...block([{ register: R.wanted, value: 0 }], answer(true))]
  }
  const toAnswer = { op: OP.JUMP_IF_BITS, dst: R.wanted, immediate: access, offset: 1 }
  return [toAnswer, { op: OP.JUMP, offset: answer(false).length }, ...answer(false)]
}

function answer(allow: boolean): Instruction[] {
  return [{ op: OP.MOVE, dst: R.result, immediate: allow ? 1 : 0 }, { op: OP.EXIT }]
}

function encode(program: readonly Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(program.length * 8))
  for (const [index, { op, dst = 0, src = 0, offset = 0, immediate = 0 }] of program.entries()) {
    view.setUint8(index * 8, op)
    view.setUint8(index * 8 + 1, (src << 4) | dst)
    view.setInt16(index * 8 + 2, offset, true)
    view.setInt32(index * 8 + 4, immediate | 0, true)
  }
  return new Uint8Array(view.buffer)
}
