import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUtsuwaError } from '../../../src/errors.ts'
import { compileSeccomp } from '../../../src/seccomp/compile.ts'
import { SECCOMP_ARCHES, type SeccompArch, syscallNumbers } from '../../../src/seccomp/syscalls.ts'
import type { LinuxSeccomp, LinuxSeccompArg } from '../../../src/spec/runtime.ts'
import { interpret } from './interpreter.ts'

const ALLOW = 0x7fff0000
const KILL = 0
const errno = (number: number) => 0x50000 | number
const ENOSYS = errno(38)

/** A function that says what the filter of `profile` returns for a call on `arch`. */
function decider(profile: LinuxSeccomp, native: SeccompArch = 'x86_64') {
  const { program } = compileSeccomp(profile, { native })
  return (arch: SeccompArch, call: string | number, ...args: (number | bigint)[]) => {
    const nr = typeof call === 'number' ? call : syscallNumbers(arch).get(call)!
    return interpret(program, { nr, arch: SECCOMP_ARCHES[arch].auditArch, args })
  }
}

/** Whether read(2) with this size, which has 64 bits, meets the condition. */
function holds(condition: Omit<LinuxSeccompArg, 'index'>, argument: bigint, arch: SeccompArch = 'x86_64'): boolean {
  const decide = decider({
    defaultAction: 'SCMP_ACT_ERRNO',
    architectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', args: [{ index: 2, ...condition }] }],
  })
  return decide(arch, 'read', 0, 0, argument) === ALLOW
}

test('compares all 64 bits of an argument', () => {
  const operands = [
    0n,
    1n,
    0xffff_ffffn,
    0x1_0000_0000n,
    0x1_0000_0001n,
    0x7fff_ffff_ffff_ffffn,
    0xffff_ffff_ffff_ffffn,
  ]
  for (const value of operands) {
    for (const argument of operands) {
      const label = `${argument} against ${value}`
      assert.equal(holds({ op: 'SCMP_CMP_EQ', value }, argument), argument === value, label)
      assert.equal(holds({ op: 'SCMP_CMP_NE', value }, argument), argument !== value, label)
      assert.equal(holds({ op: 'SCMP_CMP_LT', value }, argument), argument < value, label)
      assert.equal(holds({ op: 'SCMP_CMP_LE', value }, argument), argument <= value, label)
      assert.equal(holds({ op: 'SCMP_CMP_GE', value }, argument), argument >= value, label)
      assert.equal(holds({ op: 'SCMP_CMP_GT', value }, argument), argument > value, label)
    }
  }
})

test('SCMP_CMP_MASKED_EQ takes value for the mask and ignores bits of valueTwo outside it', () => {
  assert.ok(holds({ op: 'SCMP_CMP_MASKED_EQ', value: 0xf0, valueTwo: 0x1f }, 0x12n))
  assert.ok(!holds({ op: 'SCMP_CMP_MASKED_EQ', value: 0xf0, valueTwo: 0x10 }, 0x22n))
  assert.ok(holds({ op: 'SCMP_CMP_MASKED_EQ', value: 0xff_0000_0000n, valueTwo: 0x12_0000_0000n }, 0x3412_5555_5555n))
  assert.ok(!holds({ op: 'SCMP_CMP_MASKED_EQ', value: 0xff_0000_0000n }, 0x1_0000_0000n))
})

test('compares the lower half alone where arguments are 32 bits wide', () => {
  assert.ok(holds({ op: 'SCMP_CMP_EQ', value: 0xffff_ffff_ffff_ffffn }, 0xffff_ffffn, 'x86'))
  assert.ok(!holds({ op: 'SCMP_CMP_EQ', value: 0xffff_ffff_ffff_ffffn }, 0xffff_ffffn, 'x86_64'))
})

test('a caller cannot make another argument of one by bits that the kernel does not take', () => {
  const decide = decider({
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['SCMP_ARCH_X32'],
    syscalls: [
      {
        names: ['socket', 'personality'],
        action: 'SCMP_ACT_ERRNO',
        args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 40 }],
      },
      { names: ['ioctl'], action: 'SCMP_ACT_ERRNO', args: [{ index: 1, op: 'SCMP_CMP_EQ', value: 0x5412 }] },
      { names: ['clone'], action: 'SCMP_ACT_ERRNO', args: [{ index: 0, op: 'SCMP_CMP_GE', value: 0x1000_0000 }] },
      { names: ['unshare'], action: 'SCMP_ACT_ERRNO', args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 0x1000_0000 }] },
      { names: ['kill'], action: 'SCMP_ACT_ERRNO', args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 2n ** 64n - 1n }] },
    ],
  })
  const high = 0xdead_beef_0000_0000n
  for (const arch of ['x86_64', 'x32'] as const) {
    for (const upper of [0n, 1n << 32n, high]) {
      assert.equal(decide(arch, 'socket', upper | 40n), errno(1))
      assert.equal(decide(arch, 'socket', upper | 41n), ALLOW)
      assert.equal(decide(arch, 'personality', upper | 40n), errno(1))
      assert.equal(decide(arch, 'clone', upper | 0x11n), ALLOW)
      assert.equal(decide(arch, 'clone', upper | 0x1000_0011n), errno(1))
      assert.equal(decide(arch, 'kill', upper | 0xffff_ffffn), errno(1), '-1')
    }
  }
  assert.equal(decide('x86_64', 'ioctl', 0, high | 0x5412n), errno(1), 'TIOCSTI')
  assert.equal(
    decide('x86_64', 'unshare', high | 0x1000_0000n),
    ALLOW,
    'the kernel takes all 64 bits, and refuses these',
  )
})

test('calls of one rule whose arguments are not equally wide', () => {
  const decide = decider({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [
      { names: ['read', 'lseek'], action: 'SCMP_ACT_ERRNO', args: [{ index: 2, op: 'SCMP_CMP_EQ', value: 2 }] },
    ],
  })
  assert.equal(decide('x86_64', 'read', 0, 0, (1n << 32n) | 2n), ALLOW)
  assert.equal(decide('x86_64', 'lseek', 0, 0, (1n << 32n) | 2n), errno(1))
})

test('conditions on different arguments must all hold, on the same argument any of them', () => {
  const args = (...indices: number[]): LinuxSeccompArg[] =>
    indices.map((index, n) => ({ index, op: 'SCMP_CMP_EQ', value: n + 1 }))
  const and = decider({
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', args: args(0, 1) }],
  })
  assert.equal(and('x86_64', 'read', 1, 2), ALLOW)
  assert.equal(and('x86_64', 'read', 1, 3), errno(1))
  const or = decider({
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', args: args(0, 0) }],
  })
  assert.deepEqual(
    [1, 2, 3].map(value => or('x86_64', 'read', value)),
    [ALLOW, ALLOW, errno(1)],
  )
})

test('a rule without conditions wins over rules with, wherever it stands', () => {
  const conditional = {
    names: ['read'],
    action: 'SCMP_ACT_ERRNO',
    args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 1 }],
  } as const
  const plain = { names: ['read'], action: 'SCMP_ACT_LOG' } as const
  for (const syscalls of [
    [conditional, plain],
    [plain, conditional],
  ]) {
    const decide = decider({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: syscalls as LinuxSeccomp['syscalls'] & object })
    assert.equal(decide('x86_64', 'read', 1), 0x7ffc0000)
  }
})

test('gives ENOSYS for calls newer than all that the profile names', () => {
  const syscalls: LinuxSeccomp['syscalls'] = [{ names: ['read', 'openat2', 'no_such_call'], action: 'SCMP_ACT_ALLOW' }]
  const decide = decider({ defaultAction: 'SCMP_ACT_ERRNO', syscalls })
  assert.equal(decide('x86_64', 'write'), errno(1))
  assert.equal(decide('x86_64', 'openat2'), ALLOW)
  assert.equal(decide('x86_64', 'pidfd_getfd'), ENOSYS)
  assert.equal(decide('x86_64', 100_000), ENOSYS)
  assert.equal(decider({ defaultAction: 'SCMP_ACT_LOG', syscalls })('x86_64', 'pidfd_getfd'), 0x7ffc0000)
})

test('kills callers of an architecture that the profile does not cover', () => {
  const decide = decider({ defaultAction: 'SCMP_ACT_ALLOW' })
  assert.equal(decide('x86_64', 'read'), ALLOW)
  assert.equal(decide('x86', 'read'), KILL)
  assert.equal(decide('x32', 'read'), KILL)
  assert.equal(decide('x86_64', 0xffffffff), ALLOW, 'a tracer skips the call')
})

test('uses the numbers of each architecture', () => {
  const decide = decider(
    {
      defaultAction: 'SCMP_ACT_ERRNO',
      architectures: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM', 'SCMP_ARCH_MIPS'],
      syscalls: [{ names: ['openat', 'cacheflush'], action: 'SCMP_ACT_ALLOW' }],
    },
    'aarch64',
  )
  assert.equal(decide('aarch64', 56), ALLOW)
  assert.equal(decide('arm', 322), ALLOW)
  assert.equal(decide('arm', 0x0f0002), ALLOW)
  assert.equal(decide('arm', 56), errno(1))
})

test('a rule on a socket or IPC call also covers its multiplexer on x86', () => {
  const decide = decider({
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['SCMP_ARCH_X86'],
    syscalls: [
      { names: ['socket'], action: 'SCMP_ACT_ERRNO', args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 40 }] },
      { names: ['shmat'], action: 'SCMP_ACT_ERRNO' },
    ],
  })
  assert.equal(decide('x86', 'socket', 40), errno(1))
  assert.equal(decide('x86', 'socket', 2), ALLOW)
  assert.equal(decide('x86', 'socketcall', 1), errno(1))
  assert.equal(decide('x86', 'socketcall', 2), ALLOW)
  assert.equal(decide('x86', 'ipc', 21), errno(1))
  assert.equal(decide('x86', 'ipc', (1 << 16) | 21), errno(1), 'the upper half is a version')
  assert.equal(decide('x86_64', 'shmat'), errno(1))
})

test('a rule that permits a call with some arguments does not permit it through the multiplexer', () => {
  const profile = (args: LinuxSeccompArg[]): LinuxSeccomp => ({
    defaultAction: 'SCMP_ACT_ERRNO',
    architectures: ['SCMP_ARCH_X86'],
    syscalls: [{ names: ['socket'], action: 'SCMP_ACT_ALLOW', ...(args.length > 0 && { args }) }],
  })
  const some = decider(profile([{ index: 0, op: 'SCMP_CMP_NE', value: 40 }]))
  assert.equal(some('x86', 'socket', 2), ALLOW)
  assert.equal(some('x86', 'socketcall', 1), errno(1))
  assert.equal(decider(profile([]))('x86', 'socketcall', 1), ALLOW)
})

test('returns the errno that the profile asks for, EPERM otherwise', () => {
  const decide = decider({
    defaultAction: 'SCMP_ACT_TRACE',
    defaultErrnoRet: 7,
    syscalls: [
      { names: ['read'], action: 'SCMP_ACT_ERRNO', errnoRet: 13 },
      { names: ['write'], action: 'SCMP_ACT_ERRNO' },
      { names: ['open'], action: 'SCMP_ACT_KILL_PROCESS' },
    ],
  })
  assert.equal(decide('x86_64', 'read'), errno(13))
  assert.equal(decide('x86_64', 'write'), errno(1))
  assert.equal(decide('x86_64', 'open'), 0x80000000)
  assert.equal(decide('x86_64', 'close'), 0x7ff00007)
})

test('refuses what no filter can mean, with the place in the runtime spec', () => {
  const cases: [LinuxSeccomp, message: string][] = [
    [
      { defaultAction: 'SCMP_ACT_ALLOW', defaultErrnoRet: 1 },
      'SCMP_ACT_ALLOW cannot return an errno [/linux/seccomp/defaultErrnoRet]',
    ],
    [
      { defaultAction: 'SCMP_ACT_NOTIFY' },
      'SCMP_ACT_NOTIFY cannot be the default action [/linux/seccomp/defaultAction]',
    ],
    [
      { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['write'], action: 'SCMP_ACT_NOTIFY' }] },
      'SCMP_ACT_NOTIFY cannot be used for write [/linux/seccomp/syscalls/0/action]',
    ],
    [
      { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['open'], action: 'SCMP_ACT_ERRNO', errnoRet: 65536 }] },
      'errno 65536 does not fit into 16 bits [/linux/seccomp/syscalls/0/errnoRet]',
    ],
    [
      { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_VAX'] },
      'SCMP_ARCH_VAX is not an architecture that seccomp knows [/linux/seccomp/architectures/0]',
    ],
  ]
  for (const [profile, message] of cases) {
    assert.throws(
      () => compileSeccomp(profile, { native: 'x86_64' }),
      error => isUtsuwaError(error, 'INVALID_SPEC') && error.message === message,
      message,
    )
  }
})

test('translates flags, and adds those that a listener needs', () => {
  const flagsOf = (flags: LinuxSeccomp['flags'] & object, action: 'SCMP_ACT_NOTIFY' | 'SCMP_ACT_LOG') =>
    compileSeccomp(
      { defaultAction: 'SCMP_ACT_ALLOW', flags, syscalls: [{ names: ['open'], action }] },
      { native: 'x86_64' },
    ).flags
  assert.equal(flagsOf([], 'SCMP_ACT_LOG'), 0)
  assert.equal(flagsOf(['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'], 'SCMP_ACT_LOG'), 6)
  assert.equal(flagsOf(['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'], 'SCMP_ACT_LOG'), 0)
  assert.equal(flagsOf(['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'], 'SCMP_ACT_NOTIFY'), 0x28)
  assert.equal(flagsOf(['SECCOMP_FILTER_FLAG_TSYNC'], 'SCMP_ACT_NOTIFY'), 0x19)
})
