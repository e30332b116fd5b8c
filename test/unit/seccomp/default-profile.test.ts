import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileSeccomp } from '../../../src/seccomp/compile.ts'
import { defaultSeccompProfile } from '../../../src/seccomp/default-profile.ts'
import {
  ALLOWED,
  ALLOWED_BY_CAPABILITY,
  BY_ARGUMENT,
  DENIED,
  UNKNOWN,
} from '../../../src/seccomp/default-profile-calls.ts'
import { SECCOMP_ARCHES, type SeccompArch, syscallNumbers } from '../../../src/seccomp/syscalls.ts'
import { CAPABILITIES } from '../../../src/spec/capabilities.ts'
import { interpret } from './interpreter.ts'

const ALLOW = 0x7fff0000
const EPERM = 0x50001
const ENOSYS = 0x50026

function decider(capabilities: readonly string[], native: SeccompArch = 'x86_64', arch: SeccompArch = native) {
  const { program } = compileSeccomp(defaultSeccompProfile(capabilities, native), { native })
  return (call: string | number, ...args: (number | bigint)[]) => {
    const nr = typeof call === 'number' ? call : syscallNumbers(arch).get(call)!
    return interpret(program, { nr, arch: SECCOMP_ARCHES[arch].auditArch, args })
  }
}

test('decides on every system call of the table exactly once', () => {
  const gated = new Set(Object.values(ALLOWED_BY_CAPABILITY).flatMap(({ calls }) => calls.trim().split(/\s+/)))
  const lists = [...ALLOWED, ...DENIED, ...UNKNOWN, { calls: BY_ARGUMENT }, { calls: [...gated].join(' ') }]
  const listed = lists.flatMap(({ calls }) => calls.trim().split(/\s+/))
  const known = new Set(
    (Object.keys(SECCOMP_ARCHES) as SeccompArch[]).flatMap(arch => [...syscallNumbers(arch).keys()]),
  )
  assert.deepEqual(listed.toSorted(), [...known].sort())
  for (const capability of Object.keys(ALLOWED_BY_CAPABILITY)) {
    assert.ok((CAPABILITIES as readonly string[]).includes(capability), capability)
  }
})

test('lets ordinary programs work and keeps the kernel to itself', () => {
  const decide = decider([])
  for (const call of ['read', 'execve', 'mmap', 'futex', 'statx', 'ptrace', 'fchmodat2'])
    assert.equal(decide(call), ALLOW, call)
  for (const call of [
    'mount',
    'bpf',
    'keyctl',
    'unshare',
    'setns',
    'reboot',
    'init_module',
    'io_uring_setup',
    'userfaultfd',
  ]) {
    assert.equal(decide(call), EPERM, call)
  }
  for (const call of ['clone3', 'create_module', 'listns']) assert.equal(decide(call), ENOSYS, call)
})

test('gives ENOSYS for calls that are newer than the list, on every architecture', () => {
  assert.equal(decider([])(500), ENOSYS)
  assert.equal(decider([], 'x86_64', 'x86')(500), ENOSYS)
  assert.equal(decider([], 'x86_64', 'x32')(0x40000000 + 500), ENOSYS)
  assert.equal(decider([], 'x86_64', 'x32')('execve'), ALLOW)
  assert.equal(decider([], 'aarch64')(500), ENOSYS)
  assert.equal(decider([], 'aarch64', 'arm')(500), ENOSYS)
  assert.equal(decider([], 'aarch64', 'arm')('cacheflush'), ALLOW)
})

test('opens what a capability is for', () => {
  assert.equal(decider(['CAP_SYS_ADMIN'])('mount'), ALLOW)
  assert.equal(decider(['CAP_SYS_ADMIN'])('bpf'), ALLOW)
  assert.equal(decider(['CAP_BPF'])('bpf'), ALLOW)
  assert.equal(decider(['CAP_BPF'])('mount'), EPERM)
  assert.equal(decider(['CAP_SYSLOG'])('syslog'), ALLOW)
  assert.equal(decider(['CAP_SYS_ADMIN'])('clone3'), ALLOW)
})

test('lets clone make no namespaces', () => {
  const clone = (flags: number) => decider([])('clone', flags)
  assert.equal(clone(0x11), ALLOW)
  assert.equal(clone(0x3d0f00), ALLOW, 'pthread_create')
  for (const flag of [0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000]) {
    assert.equal(clone(0x11 | flag), EPERM, flag.toString(16))
  }
  assert.equal(decider(['CAP_SYS_ADMIN'])('clone', 0x10000011), ALLOW)
})

test('allows sockets of all families but alg and vsock (CVE-2026-31431, CVE-2026-123876)', () => {
  for (const [native, arch] of [
    ['x86_64', 'x86_64'],
    ['x86_64', 'x32'],
    ['x86_64', 'x86'],
    ['aarch64', 'aarch64'],
    ['aarch64', 'arm'],
  ] as const) {
    const decide = decider([], native, arch)
    for (let family = 0; family < 64; family++) {
      const expected = family === 38 || family === 40 ? EPERM : ALLOW
      for (const upper of [0n, 1n << 32n, 0xffff_ffff_0000_0000n])
        assert.equal(decide('socket', upper | BigInt(family)), expected, `${arch} ${family}`)
    }
  }
})

test('lets socketcall make no sockets, whose family it does not see, but where 32-bit x86 is asked for', () => {
  const decide = decider([], 'x86_64', 'x86')
  for (const upper of [0n, 1n << 32n]) assert.equal(decide('socketcall', upper | 1n), EPERM)
  for (let call = 2; call <= 20; call++) assert.equal(decide('socketcall', call), ALLOW, `${call}`)
  const { program } = compileSeccomp(defaultSeccompProfile([], 'x86_64', { socketcall: true }), { native: 'x86_64' })
  const data = { nr: syscallNumbers('x86').get('socketcall')!, arch: SECCOMP_ARCHES.x86.auditArch, args: [1] }
  assert.equal(interpret(program, data), ALLOW)
})

test('allows the usual personalities', () => {
  const decide = decider([])
  for (const value of [0, 8, 0x20000, 0x20008, 0xffffffff]) assert.equal(decide('personality', value), ALLOW)
  assert.equal(decide('personality', -1n), ALLOW, 'the question, by a compiler that extends the sign')
  assert.equal(decide('personality', 0x40000), EPERM, 'ADDR_NO_RANDOMIZE')
  assert.equal(decide('personality', 0x1_0004_0000), EPERM)
})

test('one profile and one program for the same capabilities, in whatever order; nobody can change them for others', () => {
  const profile = defaultSeccompProfile(['CAP_CHOWN', 'CAP_SYS_ADMIN'])
  assert.equal(defaultSeccompProfile(['CAP_SYS_ADMIN', 'CAP_CHOWN', 'CAP_CHOWN']), profile)
  assert.notDeepEqual(defaultSeccompProfile(['CAP_CHOWN']), profile)
  assert.throws(() => profile.syscalls!.push({ names: ['mount'], action: 'SCMP_ACT_ALLOW' }), TypeError)
  assert.equal(compileSeccomp(profile), compileSeccomp(profile))
  const copy = structuredClone(profile)
  const before = compileSeccomp(copy)
  copy.syscalls = []
  assert.notDeepEqual(compileSeccomp(copy), before)
  assert.deepEqual(before, compileSeccomp(profile))
})
