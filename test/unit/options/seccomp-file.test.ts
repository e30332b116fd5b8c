import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUtsuwaError } from '../../../src/errors.ts'
import { parseSeccompFile } from '../../../src/options/seccomp-file.ts'

const parse = (profile: unknown, facts: Partial<Parameters<typeof parseSeccompFile>[2]> = {}) =>
  parseSeccompFile(JSON.stringify(profile), 'p.json', {
    capabilities: [],
    arch: 'x64',
    kernelRelease: '6.1.0-9-amd64',
    ...facts,
  })

test('takes profiles of the runtime specification as they are', () => {
  const profile = {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 38,
    architectures: ['SCMP_ARCH_X86_64'],
    syscalls: [
      { names: ['read'], action: 'SCMP_ACT_ALLOW', errnoRet: 5, args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }] },
    ],
  }
  assert.deepEqual(parse(profile), profile)
})

test('resolves what docker profiles make depend on the machine and the container', () => {
  const rule = (name: string, rest: object) => ({
    names: [name],
    action: 'SCMP_ACT_ALLOW',
    args: null,
    comment: '',
    ...rest,
  })
  const profile = {
    defaultAction: 'SCMP_ACT_ERRNO',
    archMap: [
      { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] },
      { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
    ],
    syscalls: [
      rule('a', { includes: {}, excludes: null }),
      rule('b', { includes: { caps: ['CAP_SYS_ADMIN'] } }),
      rule('c', { excludes: { caps: ['CAP_SYS_ADMIN'] } }),
      rule('d', { includes: { arches: ['arm64'] } }),
      rule('e', { includes: { minKernel: '6.1' } }),
      rule('f', { includes: { minKernel: '6.2' } }),
      { name: 'g', action: 'SCMP_ACT_ALLOW', errnoRet: 0 },
    ],
  }
  const names = (facts: Parameters<typeof parse>[1]) =>
    parse(profile, facts)
      .syscalls!.flatMap(({ names }) => names)
      .join('')
  assert.equal(names({}), 'aceg')
  assert.equal(names({ capabilities: ['CAP_SYS_ADMIN'] }), 'abeg')
  assert.equal(names({ arch: 'arm64', kernelRelease: '6.10.1' }), 'acdefg')
  assert.deepEqual(parse(profile).architectures, ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'])
  assert.equal(parse(profile).syscalls!.at(-1)!.errnoRet, undefined)
})

test('says which file is wrong, and where', () => {
  const refused = (text: string, message: RegExp) =>
    assert.throws(
      () => parseSeccompFile(text, 'p.json', { capabilities: [] }),
      error => isUtsuwaError(error, 'INVALID_SPEC') && message.test(error.message),
    )
  refused('{', /^parse p\.json: not valid JSON/)
  refused('[]', /^read seccomp profile p\.json: document must be an object/)
  refused(
    '{"defaultAction": "ALLOW"}',
    /^read seccomp profile p\.json: defaultAction must be one of .*\[\/defaultAction\]/,
  )
  refused('{"defaultAction": "SCMP_ACT_LOG", "syscalls": [{"names": 5}]}', /\[\/syscalls\/0\/names\]/)
})
