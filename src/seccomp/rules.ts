/** From the lists of a seccomp profile to what one architecture does with each system call number. */
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from '../spec/runtime.ts'
import { permits, returnValue } from './action.ts'
import { multiplexedCall } from './multiplexed.ts'
import { argumentBits, SECCOMP_ARCHES, type SeccompArch, syscallNumbers } from './syscalls.ts'

/** A comparison of as many bits of an argument as the kernel takes. */
export interface Condition extends LinuxSeccompArg {
  bits: 32 | 64
}

/** A rule of one system call: returns `value` when all conditions hold. */
export interface Rule {
  conditions: readonly Condition[]
  value: number
}

/** The return value for every call of that number, or rules that are tried in order before the default action. */
export type Decision = number | readonly Rule[]

/**
 * What the profile decides for each system call that it names and that `arch` has; names that `arch` does not know
 * are ignored, as libseccomp does.
 *
 * A rule without conditions takes precedence over all rules with conditions for the same call, and the first such
 * rule over later ones; rules with conditions are tried in the order of the profile.
 */
export function decisions(profile: LinuxSeccomp, arch: SeccompArch): Map<number, Decision> {
  const numbers = syscallNumbers(arch)
  const defaultValue = returnValue(profile.defaultAction, profile.defaultErrnoRet, '/linux/seccomp/defaultErrnoRet')
  const result = new Map<number, Decision>()
  for (const [index, syscall] of (profile.syscalls ?? []).entries()) {
    const value = returnValue(syscall.action, syscall.errnoRet, `/linux/seccomp/syscalls/${index}/errnoRet`)
    // a rule that says what the default says anyway neither wins over others nor is needed
    if (value === defaultValue) continue
    const rulesOf = rulesByWidths(syscall, value, arch)
    for (const name of syscall.names) {
      const number = numbers.get(name)
      if (number !== undefined) addRules(result, number, rulesOf(name))
      const multiplexed = arch === 'x86' && speaksForMultiplexer(syscall) ? multiplexedCall(name) : undefined
      if (multiplexed !== undefined) {
        const conditions = [{ ...multiplexed.condition, bits: 32 } as const]
        addRules(result, numbers.get(multiplexed.syscall)!, [{ conditions, value }])
      }
    }
  }
  return result
}

/**
 * The rules of one entry for each of its calls: the same objects for calls whose arguments are equally wide, by which
 * the compiler sees that they are decided alike.
 */
function rulesByWidths(syscall: LinuxSyscall, value: number, arch: SeccompArch): (name: string) => readonly Rule[] {
  const known = new Map<string, readonly Rule[]>()
  return name => {
    const widths = (syscall.args ?? []).map(({ index }) => argumentBits(arch, name, index))
    const key = widths.join()
    let rules = known.get(key)
    if (rules === undefined) {
      const args = (syscall.args ?? []).map((arg, at) => ({ ...arg, bits: widths[at]! }))
      rules = alternatives(args).map(conditions => ({ conditions, value }))
      known.set(key, rules)
    }
    return rules
  }
}

/**
 * Whether a rule for a call also holds for it through a multiplexer, where the call's arguments cannot be seen. One that
 * permits a call with some arguments must not permit it with all (CVE-2026-31431: AF_ALG by socketcall(2)).
 */
function speaksForMultiplexer({ action, args = [] }: LinuxSyscall): boolean {
  return args.length === 0 || !permits(action)
}

function addRules(result: Map<number, Decision>, number: number, rules: readonly Rule[]): void {
  const known = result.get(number)
  if (typeof known === 'number') return
  if (rules[0]!.conditions.length === 0) result.set(number, rules[0]!.value)
  else result.set(number, known === undefined ? rules : [...known, ...rules])
}

/**
 * The numbers of `arch` above all that the profile names, whatever the action; empty when it names none there.
 *
 * Where an architecture has private numbers behind a gap, the end of the common ones is such a range as well.
 */
export function unknownRanges(profile: LinuxSeccomp, arch: SeccompArch): { start: number; end?: number }[] {
  const numbers = syscallNumbers(arch)
  const { privateNumbers = Number.POSITIVE_INFINITY } = SECCOMP_ARCHES[arch]
  let highestCommon: number | undefined
  let highestPrivate: number | undefined
  for (const { names } of profile.syscalls ?? []) {
    for (const name of names) {
      const number = numbers.get(name)
      if (number === undefined) continue
      if (number < privateNumbers) highestCommon = Math.max(highestCommon ?? 0, number)
      else highestPrivate = Math.max(highestPrivate ?? 0, number)
    }
  }
  const ranges: { start: number; end?: number }[] = []
  if (highestCommon !== undefined) {
    ranges.push({ start: highestCommon + 1, ...(highestPrivate !== undefined && { end: privateNumbers }) })
  }
  if (highestPrivate !== undefined) ranges.push({ start: highestPrivate + 1 })
  return ranges
}

/**
 * Conditions on different arguments must all hold. Where two concern the same argument, runc and crun take each for
 * a rule of its own (libseccomp cannot combine them), and profiles in use rely on it.
 */
function alternatives(args: readonly Condition[]): (readonly Condition[])[] {
  const indices = new Set(args.map(({ index }) => index))
  return indices.size === args.length ? [args] : args.map(arg => [arg])
}
