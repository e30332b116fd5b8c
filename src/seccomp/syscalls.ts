/** System call numbers by architecture and name. */
import { NARROW_ARGUMENTS } from './narrow-arguments.ts'
import { COLUMNS, SYSCALL_TABLE } from './syscall-table.ts'

/** Architectures whose system calls a filter can tell apart, in the kernel's terms. */
export type SeccompArch = 'x86_64' | 'x86' | 'x32' | 'aarch64' | 'arm'

export interface SeccompArchFacts {
  /** `AUDIT_ARCH_…` of linux/audit.h, as it stands in `seccomp_data.arch`. */
  auditArch: number
  /** Width of an argument. */
  bits: 32 | 64
  /** Added to the numbers of the table to make those that the kernel sees. */
  numberOffset: number
  /** Where the numbers start again that only this architecture has, behind a gap in which new calls appear. */
  privateNumbers?: number
}

/** Marks the calls of x32 programs, which share AUDIT_ARCH_X86_64 with others. */
export const X32_SYSCALL_BIT = 0x4000_0000

export const SECCOMP_ARCHES: Readonly<Record<SeccompArch, SeccompArchFacts>> = {
  x86_64: { auditArch: 0xc000_003e, bits: 64, numberOffset: 0 },
  x86: { auditArch: 0x4000_0003, bits: 32, numberOffset: 0 },
  x32: { auditArch: 0xc000_003e, bits: 32, numberOffset: X32_SYSCALL_BIT, privateNumbers: X32_SYSCALL_BIT + 512 },
  aarch64: { auditArch: 0xc000_00b7, bits: 64, numberOffset: 0 },
  arm: { auditArch: 0x4000_0028, bits: 32, numberOffset: 0, privateNumbers: 0x0f_0000 },
}

const tables = new Map<SeccompArch, ReadonlyMap<string, number>>()

/** Numbers by name, as they stand in `seccomp_data.nr`. */
export function syscallNumbers(arch: SeccompArch): ReadonlyMap<string, number> {
  let table = tables.get(arch)
  if (table === undefined) {
    table = readTable(arch)
    tables.set(arch, table)
  }
  return table
}

function readTable(arch: SeccompArch): Map<string, number> {
  const column = 1 + COLUMNS.indexOf(arch)
  const { numberOffset } = SECCOMP_ARCHES[arch]
  const numbers = new Map<string, number>()
  for (const line of SYSCALL_TABLE.trimEnd().split('\n')) {
    const row = line.split(' ')
    const number = Number(row[column])
    if (number >= 0) numbers.set(row[0]!, number + numberOffset)
  }
  return numbers
}

let narrow: ReadonlyMap<string, string> | undefined

/**
 * How many bits of an argument the kernel takes, so that no others can make a difference to a filter. The rest of the
 * register is the caller's to fill, and compilers leave in it what they like.
 *
 * @param name of a system call
 * @param index of the argument, from 0 on
 */
export function argumentBits(arch: SeccompArch, name: string, index: number): 32 | 64 {
  if (SECCOMP_ARCHES[arch].bits === 32) return 32
  narrow ??= new Map(
    NARROW_ARGUMENTS.trimEnd()
      .split('\n')
      .map(line => line.split(' ') as [string, string]),
  )
  return narrow.get(name)?.includes(String(index)) ? 32 : 64
}

/** The architecture of programs that run natively beside this Node; undefined where utsuwa has no table for it. */
export function nativeSeccompArch(nodeArch: string = process.arch): SeccompArch | undefined {
  return ({ x64: 'x86_64', ia32: 'x86', arm64: 'aarch64', arm: 'arm' } as const)[nodeArch]
}
