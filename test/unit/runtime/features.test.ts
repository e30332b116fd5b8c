/** features.md: what the document says is true of the parsers, and nothing in it is unknown to the specification. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMountOptions } from '../../../src/plan/mount-options.ts'
import { features } from '../../../src/runtime/features.ts'
import { compileSeccomp } from '../../../src/seccomp/compile.ts'
import { parseLinuxSeccomp, parseRuntimeSpec, type RuntimeSpec } from '../../../src/spec/runtime.ts'

interface Document {
  readonly ociVersionMin: string
  readonly ociVersionMax: string
  readonly hooks: string[]
  readonly mountOptions: string[]
  readonly linux: {
    readonly namespaces: string[]
    readonly capabilities: string[]
    readonly seccomp: Record<'actions' | 'operators' | 'archs' | 'knownFlags' | 'supportedFlags', string[]>
    readonly memoryPolicy: { readonly modes: string[]; readonly flags: string[] }
    readonly mountExtensions: { readonly idmap: { readonly enabled: boolean } }
  }
}

const document = features() as Document

function parse(members: object): RuntimeSpec {
  return parseRuntimeSpec({ ociVersion: '1.0.0', ...members })
}

test('the runtime accepts all that it says it knows', () => {
  const { hooks, mountOptions, linux } = document
  const { seccomp } = linux
  for (const name of hooks) assert.deepEqual(Object.keys(parse({ hooks: { [name]: [] } }).hooks ?? {}), [name])
  for (const type of linux.namespaces) parse({ linux: { namespaces: [{ type }] } })
  assert.deepEqual(parseMountOptions(mountOptions.filter(option => !/sync|lazytime|mand$/.test(option))).data, [])
  for (const action of seccomp.actions) parseLinuxSeccomp({ defaultAction: action })
  for (const op of seccomp.operators)
    parseLinuxSeccomp({
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['read'], action: 'SCMP_ACT_LOG', args: [{ index: 0, value: 0, op }] }],
    })
  for (const mode of linux.memoryPolicy.modes)
    parse({ linux: { memoryPolicy: { mode, nodes: '0', flags: linux.memoryPolicy.flags } } })
  compileSeccomp(parseLinuxSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', architectures: seccomp.archs }), {
    native: 'x86_64',
  })
  assert.deepEqual(seccomp.supportedFlags, seccomp.knownFlags)
  compileSeccomp(parseLinuxSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', flags: seccomp.knownFlags }), {
    native: 'x86_64',
  })
  assert.ok(linux.capabilities.every(name => /^CAP_[A-Z_]+$/.test(name)))
  assert.equal(linux.mountExtensions.idmap.enabled, true)
})

test('the versions are accepted, and in order', () => {
  const { ociVersionMin, ociVersionMax } = document
  for (const ociVersion of [ociVersionMin, ociVersionMax]) assert.equal(parse({ ociVersion }).ociVersion, ociVersion)
  assert.ok(ociVersionMin.localeCompare(ociVersionMax, 'en', { numeric: true }) <= 0)
})

test('there is no property that the specification does not have', () => {
  const top = 'ociVersionMin ociVersionMax hooks mountOptions linux annotations potentiallyUnsafeConfigAnnotations'
  const ofLinux =
    'namespaces capabilities cgroup seccomp apparmor selinux memoryPolicy intelRdt mountExtensions netDevices'
  assert.deepEqual(
    Object.keys(document).filter(name => !top.split(' ').includes(name)),
    [],
  )
  assert.deepEqual(
    Object.keys(document.linux).filter(name => !ofLinux.split(' ').includes(name)),
    [],
  )
})

test('the document is the same wherever it is asked for', () => {
  assert.deepEqual(features(), document)
  assert.ok(!JSON.stringify(document).includes('null'))
})
