/**
 * Compiles the seccomp profile of a runtime spec to a BPF program.
 *
 * Numbers with the same decision are merged to ranges, and a binary tree of comparisons finds the range: about
 * seven comparisons for any call, where a list of several hundred would be walked on every call of the container
 * and verified by the kernel on every start.
 */
import { UtsuwaError } from '../errors.ts'
import { stringifyJson } from '../spec/json.ts'
import type { LinuxSeccomp } from '../spec/runtime.ts'
import { isDeeplyFrozen } from '../util/frozen.ts'
import { filterFlags, permits, RETURN_ENOSYS, RETURN_FOREIGN_ARCH, returnValue } from './action.ts'
import { BPF, BpfAssembler, Label } from './bpf.ts'
import { ARCH_OFFSET, emitCondition, NUMBER_OFFSET } from './conditions.ts'
import { type Decision, decisions, unknownRanges } from './rules.ts'
import { nativeSeccompArch, SECCOMP_ARCHES, type SeccompArch, X32_SYSCALL_BIT } from './syscalls.ts'

export interface CompiledSeccomp {
  /** An array of `struct sock_filter`. */
  program: Uint8Array
  /** For seccomp(2), which returns a listener fd when SCMP_ACT_NOTIFY occurs in the profile. */
  flags: number
  /** Whether `flags` has SECCOMP_FILTER_FLAG_NEW_LISTENER. */
  notifies: boolean
}

export interface SeccompOptions {
  /** The machine's own architecture, which is always covered; that of this Node when absent. */
  native?: SeccompArch
  /** Where programs are kept beyond this process; not asked with `native`. */
  store?: ProgramStore | undefined
}

/** Keeps programs by the text of the profiles that they are compiled from. */
export interface ProgramStore {
  find(profile: string): CompiledSeccomp | undefined
  keep(profile: string, compiled: CompiledSeccomp): void
}

/**
 * System calls numbered above all that the profile names get ENOSYS unless the default action lets them through: a
 * profile older than a call cannot have meant to deny it, and C libraries fall back on ENOSYS but not on EPERM.
 *
 * @throws UtsuwaError INVALID_SPEC for what no filter can mean, LIMIT_EXCEEDED for more than 4096 instructions
 */
export function compileSeccomp(profile: LinuxSeccomp, { native, store }: SeccompOptions = {}): CompiledSeccomp {
  if (native !== undefined) return compileProfile(profile, native)
  const kept = ofFrozenProfiles.get(profile)
  if (kept !== undefined) return kept
  const compiled = compileOnce(stringifyJson(profile), profile, store)
  if (isDeeplyFrozen(profile)) ofFrozenProfiles.set(profile, compiled)
  return compiled
}

/** Programs of profiles that cannot change, as is the default one: most containers have it. */
const ofFrozenProfiles = new WeakMap<LinuxSeccomp, CompiledSeccomp>()

/** Programs by the text of their profiles, the latest last: bundles with the same profile are parsed for each run. */
const byText = new Map<string, CompiledSeccomp>()
const KEPT = 8

function compileOnce(text: string, profile: LinuxSeccomp, store: ProgramStore | undefined): CompiledSeccomp {
  const known = byText.get(text) ?? store?.find(text)
  const compiled = known ?? compileProfile(profile, requireNative())
  if (known === undefined) store?.keep(text, compiled)
  byText.delete(text)
  byText.set(text, compiled)
  if (byText.size > KEPT) byText.delete(byText.keys().next().value!)
  return compiled
}

function compileProfile(profile: LinuxSeccomp, native: SeccompArch): CompiledSeccomp {
  const notifies = checkNotify(profile)
  const arches = coveredArches(profile, native)
  const asm = new BpfAssembler()
  const sections = new Map<number, { label: Label; arches: SeccompArch[] }>()
  for (const arch of arches) {
    const { auditArch } = SECCOMP_ARCHES[arch]
    const section = sections.get(auditArch) ?? { label: new Label(), arches: [] }
    section.arches.push(arch)
    sections.set(auditArch, section)
  }

  asm.load(ARCH_OFFSET)
  for (const [auditArch, { label }] of sections) asm.branch(BPF.JUMP_EQ, auditArch, { ifTrue: label })
  asm.return(RETURN_FOREIGN_ARCH)
  for (const section of sections.values()) {
    asm.place(section.label)
    asm.load(NUMBER_OFFSET)
    emitTree(
      asm,
      section.arches.flatMap(arch => segments(profile, arch, section.arches)),
      profile,
    )
  }
  return { program: asm.assemble(), flags: filterFlags(profile.flags ?? [], notifies), notifies }
}

function requireNative(): SeccompArch {
  const native = nativeSeccompArch()
  if (native === undefined) {
    throw new UtsuwaError('UNSUPPORTED', `no system call table for ${process.arch}`, { operation: 'compile seccomp' })
  }
  return native
}

/** Runs of system call numbers: from `start` up to the start of the next. */
interface Segment {
  start: number
  decision: Decision
}

/** All numbers that belong to `arch`, in order; neighbours decide differently. */
function segments(profile: LinuxSeccomp, arch: SeccompArch, siblings: readonly SeccompArch[]): Segment[] {
  const { numberOffset } = SECCOMP_ARCHES[arch]
  const byDefault = defaultValue(profile)
  const result: Segment[] = []
  const append = (start: number, decision: Decision) => {
    if (!sameDecision(result.at(-1)?.decision, decision)) result.push({ start, decision })
  }
  let gap: number | undefined = numberOffset
  for (const { start, end, decision } of decidedRanges(profile, arch, siblings)) {
    if (gap !== undefined && start > gap) append(gap, byDefault)
    append(start, decision)
    gap = end
  }
  if (gap !== undefined) append(gap, byDefault)
  return result
}

interface DecidedRange {
  start: number
  /** Behind it the default action applies again; where absent, the next range begins or this one never ends. */
  end?: number
  decision: Decision
}

/** In order, without overlaps. */
function decidedRanges(profile: LinuxSeccomp, arch: SeccompArch, siblings: readonly SeccompArch[]): DecidedRange[] {
  const ranges: DecidedRange[] = []
  for (const [number, decision] of decisions(profile, arch)) ranges.push({ start: number, end: number + 1, decision })
  if (!permits(profile.defaultAction)) {
    for (const range of unknownRanges(profile, arch)) ranges.push({ ...range, decision: RETURN_ENOSYS })
  }
  // where x32 is not covered, its calls are those of a foreign architecture
  if (arch === 'x86_64' && !siblings.includes('x32')) {
    ranges.push({ start: X32_SYSCALL_BIT, decision: RETURN_FOREIGN_ARCH })
  }
  // a tracer that skips a call sets its number to −1, see seccomp(2)
  if (arch === siblings.at(-1)) ranges.push({ start: 0xffff_ffff, decision: defaultValue(profile) })
  return ranges.sort((a, b) => a.start - b.start)
}

function sameDecision(a: Decision | undefined, b: Decision): boolean {
  if (a === undefined || typeof a === 'number' || typeof b === 'number') return a === b
  return a.length === b.length && a.every((rule, index) => rule === b[index])
}

function emitTree(asm: BpfAssembler, parts: readonly Segment[], profile: LinuxSeccomp): void {
  if (parts.length === 1) {
    emitDecision(asm, parts[0]!, profile)
    return
  }
  const middle = parts.length >> 1
  const upper = new Label()
  asm.branch(BPF.JUMP_GE, parts[middle]!.start, { ifTrue: upper })
  emitTree(asm, parts.slice(0, middle), profile)
  asm.place(upper)
  emitTree(asm, parts.slice(middle), profile)
}

function emitDecision(asm: BpfAssembler, { decision }: Segment, profile: LinuxSeccomp): void {
  if (typeof decision === 'number') {
    asm.return(decision)
    return
  }
  for (const { conditions, value } of decision) {
    const next = new Label()
    for (const condition of conditions) emitCondition(asm, condition, next)
    asm.return(value)
    asm.place(next)
  }
  asm.return(defaultValue(profile))
}

function defaultValue({ defaultAction, defaultErrnoRet }: LinuxSeccomp): number {
  return returnValue(defaultAction, defaultErrnoRet, '/linux/seccomp/defaultErrnoRet')
}

/** Those of the specification's architectures whose programs run on machines that utsuwa supports. */
export const ARCH_NAMES: Readonly<Record<string, SeccompArch>> = {
  SCMP_ARCH_X86_64: 'x86_64',
  SCMP_ARCH_X86: 'x86',
  SCMP_ARCH_X32: 'x32',
  SCMP_ARCH_AARCH64: 'aarch64',
  SCMP_ARCH_ARM: 'arm',
}

const OTHER_ARCHES =
  /^SCMP_ARCH_(?:MIPS(?:EL)?(?:64(?:N32)?)?|PPC(?:64(?:LE)?)?|S390X?|PARISC(?:64)?|RISCV64|LOONGARCH64|M68K|SH(?:EB)?)$/

/** An architecture without a table is left out: its programs cannot run here, and the filter would kill them. */
function coveredArches({ architectures = [] }: LinuxSeccomp, native: SeccompArch): SeccompArch[] {
  const arches = new Set<SeccompArch>([native])
  for (const [index, name] of architectures.entries()) {
    const arch = Object.hasOwn(ARCH_NAMES, name) ? ARCH_NAMES[name] : undefined
    if (arch !== undefined) arches.add(arch)
    else if (!OTHER_ARCHES.test(name)) {
      throw new UtsuwaError('INVALID_SPEC', `${name} is not an architecture that seccomp knows`, {
        configPointer: `/linux/seccomp/architectures/${index}`,
      })
    }
  }
  // within an AUDIT_ARCH the numbers must ascend
  return [...arches].sort((a, b) => SECCOMP_ARCHES[a].numberOffset - SECCOMP_ARCHES[b].numberOffset)
}

/** Whether SCMP_ACT_NOTIFY occurs. Where it would stop the process that sends the listener fd, it is refused. */
function checkNotify({ defaultAction, syscalls = [] }: LinuxSeccomp): boolean {
  const refuse = (reason: string, configPointer: string) =>
    new UtsuwaError('INVALID_SPEC', `SCMP_ACT_NOTIFY ${reason}`, { configPointer })
  if (defaultAction === 'SCMP_ACT_NOTIFY') {
    throw refuse('cannot be the default action', '/linux/seccomp/defaultAction')
  }
  for (const [index, { action, names }] of syscalls.entries()) {
    if (action === 'SCMP_ACT_NOTIFY' && names.includes('write')) {
      throw refuse('cannot be used for write', `/linux/seccomp/syscalls/${index}/action`)
    }
  }
  return syscalls.some(({ action }) => action === 'SCMP_ACT_NOTIFY')
}
