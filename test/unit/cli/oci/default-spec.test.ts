import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultBundleSpec } from '../../../../src/cli/oci/default-spec.ts'
import { parseRuntimeSpec } from '../../../../src/spec/runtime.ts'

test('prints specs that are valid', () => {
  for (const options of [{}, { cgroupNamespace: true }, { rootless: { uid: 1000, gid: 1001 } }]) {
    const spec = defaultBundleSpec(options)
    assert.deepEqual(parseRuntimeSpec(JSON.parse(JSON.stringify(spec))), spec)
  }
})

test('for a user without privileges, asks for nothing that needs them', () => {
  const { linux, mounts } = defaultBundleSpec({ rootless: { uid: 1000, gid: 1001 } })
  assert.deepEqual(linux?.uidMappings, [{ containerID: 0, hostID: 1000, size: 1 }])
  assert.deepEqual(linux?.gidMappings, [{ containerID: 0, hostID: 1001, size: 1 }])
  assert.deepEqual(
    linux?.namespaces?.map(({ type }) => type),
    ['pid', 'ipc', 'uts', 'mount', 'user'],
  )
  assert.equal(linux?.resources, undefined)
  assert.equal(mounts?.find(({ destination }) => destination === '/sys')?.type, 'none')
  assert.ok(!mounts?.some(({ options = [] }) => options.includes('gid=5')))
})

test('adds a cgroup namespace where the host has cgroup v2 alone', () => {
  assert.equal(defaultBundleSpec({ cgroupNamespace: true }).linux?.namespaces?.at(-1)?.type, 'cgroup')
})
