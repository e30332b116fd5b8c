/**
 * utsuwa's compiler against libseccomp: both programs must decide alike for the same profile, but for what
 * docs/adr/0011-seccomp-arguments.md says: libseccomp compares 64 bits of arguments of which the kernel takes 32, so it is
 * asked about what the kernel takes; and it permits by socketcall(2) what a profile permits with some arguments alone.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { returnValue } from '../../../src/seccomp/action.ts'
import { compileSeccomp } from '../../../src/seccomp/compile.ts'
import { defaultSeccompProfile } from '../../../src/seccomp/default-profile.ts'
import { unknownRanges } from '../../../src/seccomp/rules.ts'
import { argumentBits, SECCOMP_ARCHES, type SeccompArch, syscallNumbers } from '../../../src/seccomp/syscalls.ts'
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall, SeccompAction } from '../../../src/spec/runtime.ts'
import { interpret } from '../../unit/seccomp/interpreter.ts'

/** SCMP_ARCH_… of seccomp.h: the kernel's numbers, except that x32 needs one of its own. */
const TOKENS: Record<string, number> = {
  SCMP_ARCH_X86_64: SECCOMP_ARCHES.x86_64.auditArch,
  SCMP_ARCH_X86: SECCOMP_ARCHES.x86.auditArch,
  SCMP_ARCH_X32: 0x4000_003e,
  SCMP_ARCH_AARCH64: SECCOMP_ARCHES.aarch64.auditArch,
  SCMP_ARCH_ARM: SECCOMP_ARCHES.arm.auditArch,
}

const OPERATORS = [
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
] as const

let directory: string
let oracle: string

before(() => {
  assert.equal(process.arch, 'x64', 'this test compares for an x86_64 host')
  directory = mkdtempSync(join(tmpdir(), 'utsuwa-seccomp-'))
  oracle = join(directory, 'oracle')
  const source = join(import.meta.dirname, 'oracle.c')
  // fails where libseccomp-dev is missing, and shall
  execFileSync('cc', ['-Wall', '-Wextra', '-Werror', '-o', oracle, source, '-lseccomp'], { stdio: 'inherit' })
})

after(() => rmSync(directory, { recursive: true, force: true }))

function actionValue({ action, errnoRet }: { action: SeccompAction; errnoRet?: number | undefined }): number {
  return returnValue(action, errnoRet, '')
}

function runOracle(profile: LinuxSeccomp): { program: Uint8Array; unknown: Set<string> } {
  const defaultValue = actionValue(byDefault(profile))
  const lines = [`default ${defaultValue >>> 0}`]
  for (const arch of profile.architectures ?? []) lines.push(`arch ${TOKENS[arch]}`)
  for (const syscall of profile.syscalls ?? []) {
    const value = actionValue(syscall)
    if (value === defaultValue) continue // libseccomp refuses such a rule
    for (const name of syscall.names) {
      const conditions = (syscall.args ?? []).map(
        ({ index, op, value: a, valueTwo = 0 }) => `${index} ${OPERATORS.indexOf(op) + 1} ${a} ${valueTwo}`,
      )
      lines.push(['rule', value >>> 0, name, ...conditions].join(' '))
    }
  }
  const { status, stdout, stderr } = spawnSync(oracle, { input: `${lines.join('\n')}\n` })
  assert.equal(status, 0, stderr.toString())
  const unknown = [...stderr.toString().matchAll(/^unknown (.*)$/gm)].map(([, name]) => name!)
  return { program: stdout, unknown: new Set(unknown) }
}

/** The profile without the calls that this version of libseccomp is too old for. */
function withoutNames(profile: LinuxSeccomp, names: ReadonlySet<string>): LinuxSeccomp {
  const syscalls = (profile.syscalls ?? []).map(rule => ({
    ...rule,
    names: rule.names.filter(name => !names.has(name)),
  }))
  return { ...profile, syscalls: syscalls.filter(rule => rule.names.length > 0) }
}

/** Values around every operand of the profile, in both halves. */
function interestingValues(profile: LinuxSeccomp): bigint[] {
  const values = new Set<bigint>([0n, 1n, 0xffff_ffffn, 0x1_0000_0000n, 0xffff_ffff_ffff_ffffn])
  for (const { args = [] } of profile.syscalls ?? []) {
    for (const { value, valueTwo = 0 } of args) {
      for (const base of [BigInt(value), BigInt(valueTwo), BigInt(value) & BigInt(valueTwo)]) {
        for (const delta of [-1n, 0n, 1n, 0x1_0000_0000n]) values.add(BigInt.asUintN(64, base + delta))
      }
    }
  }
  return [...values]
}

function byDefault({ defaultAction, defaultErrnoRet }: LinuxSeccomp) {
  return { action: defaultAction, errnoRet: defaultErrnoRet }
}

/** Whether this is socket(2) by socketcall(2), where the profile permits some sockets only. */
function isHiddenSocket(
  { syscalls = [] }: LinuxSeccomp,
  arch: SeccompArch,
  name: string,
  call?: number | bigint,
): boolean {
  const rules = syscalls.filter(({ names }) => names.includes('socket'))
  return arch === 'x86' && name === 'socketcall' && Number(call) === 1 && rules.some(({ args }) => args !== undefined)
}

const DECIDED_BY_ARGUMENT: Record<string, number> = { socketcall: 21, ipc: 25 }

function compare(profile: LinuxSeccomp, arches: readonly SeccompArch[]): number {
  const { program: reference } = runOracle(profile)
  const { program } = compileSeccomp(profile, { native: 'x86_64' })
  const values = interestingValues(profile)
  const tested = new Map((profile.syscalls ?? []).flatMap(({ names, args = [] }) => names.map(name => [name, args])))
  let decisions = 0
  for (const arch of arches) {
    const { auditArch, numberOffset } = SECCOMP_ARCHES[arch]
    const nameOf = new Map([...syscallNumbers(arch)].map(([name, number]) => [number, name]))
    // there utsuwa's filter says ENOSYS, which with libseccomp is left to its callers
    const unknown = unknownRanges(profile, arch)
    const isUnknown = (number: number) =>
      unknown.some(({ start, end = Number.POSITIVE_INFINITY }) => number >= start && number < end)
    // calls that only arm has are numbered from 0xf0000 on
    const dense = Array.from({ length: 600 }, (_, number) => numberOffset + number)
    for (const nr of new Set([...dense, ...nameOf.keys()].filter(number => !isUnknown(number)))) {
      const name = nameOf.get(nr) ?? ''
      if (arch === 'x32' && name === 'map_shadow_stack') continue // x32 got it after libseccomp 2.5.4
      const indices = new Set((tested.get(name) ?? []).map(({ index }) => index))
      let inputs: (number | bigint)[][] = [[0, 0, 0, 0, 0, 0], ...[0, 1, 2].map(() => values.slice(0, 6))]
      for (const index of indices) inputs = inputs.flatMap(input => values.map(value => input.with(index, value)))
      if (arch === 'x86' && name in DECIDED_BY_ARGUMENT) {
        inputs = Array.from({ length: DECIDED_BY_ARGUMENT[name]! }, (_, call) => [call, 0, 0, 0, 0, 0])
      }
      const bits = [0, 1, 2, 3, 4, 5].map(index => argumentBits(arch, name, index))
      for (const args of inputs) {
        // registers of these programs are 32 bits wide; the kernel hands them to the filter without sign
        const given = SECCOMP_ARCHES[arch].bits === 32 ? args.map(value => BigInt.asUintN(32, BigInt(value))) : args
        const data = { nr, arch: auditArch, args: given }
        const taken = given.map((value, index) => BigInt.asUintN(bits[index]!, BigInt(value)))
        const [ours, theirs] = [interpret(program, data), interpret(reference, { ...data, args: taken })]
        if (isHiddenSocket(profile, arch, name, given[0])) {
          assert.deepEqual([ours, theirs], [actionValue(byDefault(profile)), actionValue({ action: 'SCMP_ACT_ALLOW' })])
          continue
        }
        if (ours !== theirs) {
          assert.fail(
            `${arch} ${name} (${nr}) with ${given.map(value => `0x${value.toString(16)}`).join(', ')}: ` +
              `0x${ours.toString(16)}, libseccomp 0x${theirs.toString(16)}`,
          )
        }
        decisions++
      }
    }
  }
  return decisions
}

/** A generator of numbers that gives the same sequence each time (mulberry32). */
function seeded(seed: number): (limit: number) => number {
  let state = seed
  return limit => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % limit
  }
}

for (const capabilities of [[], ['CAP_SYS_ADMIN'], ['CAP_SYS_PTRACE', 'CAP_SYS_CHROOT', 'CAP_BPF']]) {
  test(`decides the default profile as libseccomp does, with ${capabilities.join(' ') || 'no capability'}`, t => {
    const profile = defaultSeccompProfile(capabilities, 'x86_64')
    const known = withoutNames(profile, runOracle(profile).unknown)
    t.diagnostic(`${compare(known, ['x86_64', 'x86', 'x32'])} decisions`)
  })
}

test('decides the default profile of arm as libseccomp does', t => {
  const profile = { ...defaultSeccompProfile([], 'aarch64'), architectures: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'] }
  const known = withoutNames(profile, runOracle(profile).unknown)
  t.diagnostic(`${compare(known, ['x86_64', 'aarch64', 'arm'])} decisions`)
})

test('decides random profiles as libseccomp does', t => {
  const names = [...syscallNumbers('x86_64').keys()].sort()
  const unknown = runOracle({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names, action: 'SCMP_ACT_LOG' }] }).unknown
  // what a rule on a multiplexed call means for the multiplexer depends on arguments, see "multiplexed" in compile.test.ts
  const pool = names.filter(
    name =>
      !unknown.has(name) &&
      !/^(?:sock|sem|shm|msg|ipc$|listen|bind|connect|accept|send|recv|get(?:sock|peer)|setsock|shutdown)/.test(name),
  )
  const actions: SeccompAction[] = [
    'SCMP_ACT_ALLOW',
    'SCMP_ACT_LOG',
    'SCMP_ACT_ERRNO',
    'SCMP_ACT_TRAP',
    'SCMP_ACT_TRACE',
  ]
  let decisions = 0
  for (let seed = 1; seed <= 30; seed++) {
    const random = seeded(seed)
    const pick = <T>(values: readonly T[]): T => values[random(values.length)]!
    const value = () =>
      pick([0n, 1n, 5n, 0xffn, 0xffff_ffffn, 0x1_0000_0000n, 0x1234_5678_9abcn, 0xffff_ffff_ffff_fff0n])
    const shuffled = pool.toSorted(() => random(3) - 1)
    const syscalls: LinuxSyscall[] = Array.from({ length: 12 }, (_, rule) => {
      const own = shuffled.slice(rule * 20, rule * 20 + 1 + random(rule < 6 ? 20 : 3))
      // an operand that no argument can have means nothing that the two could agree on
      const operand = (index: number) =>
        BigInt.asUintN(Math.min(...own.map(name => argumentBits('x86_64', name, index))), value())
      const args: LinuxSeccompArg[] =
        rule < 6
          ? []
          : [0, 2, 5]
              .slice(0, 1 + random(2))
              .map(index => ({ index, op: pick(OPERATORS), value: operand(index), valueTwo: operand(index) }))
      return { names: own, action: pick(actions), ...(args.length > 0 && { args }) }
    })
    const profile: LinuxSeccomp = {
      defaultAction: pick(['SCMP_ACT_ERRNO', 'SCMP_ACT_ALLOW', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_TRAP']),
      architectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'].slice(0, random(3)),
      syscalls,
    }
    const arches = (['x86_64', 'x86', 'x32'] as const).slice(0, 1 + profile.architectures!.length)
    decisions += compare(profile, arches)
  }
  t.diagnostic(`${decisions} decisions`)
})

test('treats foreign architectures as libseccomp does', () => {
  const profile: LinuxSeccomp = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['read'], action: 'SCMP_ACT_LOG' }],
  }
  const { program } = compileSeccomp(profile, { native: 'x86_64' })
  const { program: reference } = runOracle(profile)
  const x64 = SECCOMP_ARCHES.x86_64.auditArch
  for (const data of [
    { nr: 0, arch: SECCOMP_ARCHES.x86.auditArch },
    { nr: 0, arch: SECCOMP_ARCHES.aarch64.auditArch },
    { nr: 0x4000_0000, arch: x64 },
    { nr: 0x4000_0001, arch: x64 },
    { nr: 0xffff_ffff, arch: x64 },
    { nr: 0x3fff_ffff, arch: x64 },
  ]) {
    assert.equal(interpret(program, data), interpret(reference, data), JSON.stringify(data))
  }
})
