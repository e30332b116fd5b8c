/**
 * The seccomp profile of containers that ask for none: an allow list. Known calls that are not on it fail with EPERM,
 * which tells a person that something forbade them; calls that kernels do not have, or that are newer than the list,
 * with ENOSYS, which tells a C library to use an older call instead.
 */
import type { LinuxSeccomp, LinuxSyscall } from '../spec/runtime.ts'
import { freezeDeeply } from '../util/frozen.ts'
import { ALLOWED, ALLOWED_BY_CAPABILITY, type CallGroup, DENIED, UNKNOWN } from './default-profile-calls.ts'
import { nativeSeccompArch, type SeccompArch } from './syscalls.ts'

const EPERM = 1
const ENOSYS = 38

/**
 * AF_ALG hands the kernel's cryptography to programs, and has let any of them write to the page cache, and so become
 * root of the host (CVE-2026-31431); AF_VSOCK sockets, between virtual machines and their host, are not divided by
 * network namespaces. One family lies between them.
 */
const AF_ALG = 38
const AF_VSOCK = 40

/**
 * CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET of linux/sched.h. A new user namespace gives all
 * capabilities over itself, and with them reach into much of the kernel. CLONE_NEWTIME is not for clone(2).
 */
const CLONE_NEW_NAMESPACES = 0x7e02_0000

/**
 * personality(2): PER_LINUX, PER_LINUX32, each also with UNAME26, and the question for the current one. Others turn
 * off address space randomization or make zero pages mappable.
 */
const PERSONALITIES = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff]

/** Architectures whose programs also run on the given one. */
const COMPANIONS: Readonly<Record<SeccompArch, string[]>> = {
  x86_64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  x86: ['SCMP_ARCH_X86'],
  x32: ['SCMP_ARCH_X32'],
  aarch64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
  arm: ['SCMP_ARCH_ARM'],
}

/** By what they depend on: one process mostly needs one, again and again. */
const profiles = new Map<string, LinuxSeccomp>()
const KEPT = 32

export interface DefaultProfileOptions {
  /**
   * Whether sockets of any family may be made by socketcall(2), as programs for 32-bit x86 do. Default: false, since
   * programs of x86_64 can call it too, and reach the denied families by it.
   */
  socketcall?: boolean
}

/**
 * @param capabilities those of the container's bounding set: a call that a capability exists for is allowed with it
 * @param native the machine's architecture; that of this Node when absent
 * @returns frozen, and the same for the same capabilities
 */
export function defaultSeccompProfile(
  capabilities: readonly string[],
  native: SeccompArch | undefined = nativeSeccompArch(),
  { socketcall = false }: DefaultProfileOptions = {},
): LinuxSeccomp {
  const key = [native, socketcall, ...new Set(capabilities)].sort().join()
  const kept = profiles.get(key)
  if (kept !== undefined) return kept
  if (profiles.size >= KEPT) profiles.clear()
  const profile = freezeDeeply(makeProfile(capabilities, native, socketcall))
  profiles.set(key, profile)
  return profile
}

function makeProfile(
  capabilities: readonly string[],
  native: SeccompArch | undefined,
  socketcall: boolean,
): LinuxSeccomp {
  const gated = Object.entries(ALLOWED_BY_CAPABILITY)
  const granted = gated.filter(([capability]) => capabilities.includes(capability)).map(([, group]) => group)
  const allowed = new Set([...ALLOWED, ...granted].flatMap(names))
  const denied = new Set([...gated.map(([, group]) => group), ...DENIED].flatMap(names))
  for (const name of allowed) denied.delete(name)
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: native === undefined ? [] : COMPANIONS[native],
    syscalls: [
      allow([...allowed]),
      // the default again, spelled out: for who reads the profile, and so that the compiler knows all old calls
      { names: [...denied], action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
      { names: UNKNOWN.flatMap(names), action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
      ...personalityRules(),
      ...socketRules(socketcall),
      ...cloneRules(capabilities.includes('CAP_SYS_ADMIN')),
    ],
  }
}

function names({ calls }: CallGroup): string[] {
  return calls.trim().split(/\s+/)
}

function allow(calls: string[], ...args: NonNullable<LinuxSyscall['args']>): LinuxSyscall {
  return args.length === 0
    ? { names: calls, action: 'SCMP_ACT_ALLOW' }
    : { names: calls, action: 'SCMP_ACT_ALLOW', args }
}

function personalityRules(): LinuxSyscall[] {
  return PERSONALITIES.map(value => allow(['personality'], { index: 0, value, op: 'SCMP_CMP_EQ' }))
}

/**
 * By ranges, since several conditions on one argument would be alternatives.
 *
 * A filter does not see the family in a socketcall(2), so the call may make no socket at all, unless programs for 32-bit
 * x86 are what the container is for: their C library makes sockets in no other way.
 */
function socketRules(makesSocketsBySocketcall: boolean): LinuxSyscall[] {
  return [
    allow(['socket'], { index: 0, value: AF_ALG, op: 'SCMP_CMP_LT' }),
    allow(['socket'], { index: 0, value: AF_ALG + 1, op: 'SCMP_CMP_EQ' }),
    allow(['socket'], { index: 0, value: AF_VSOCK, op: 'SCMP_CMP_GT' }),
    ...(makesSocketsBySocketcall ? [allow(['socketcall'])] : []),
  ]
}

/** clone3 has its flags in memory, where a filter cannot see them: with ENOSYS a C library uses clone. */
function cloneRules(mayMakeNamespaces: boolean): LinuxSyscall[] {
  if (mayMakeNamespaces) return [allow(['clone', 'clone3'])]
  return [
    allow(['clone'], { index: 0, value: CLONE_NEW_NAMESPACES, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }),
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
  ]
}
