import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  externalMounts,
  externalNamespaces,
  mountPointsInRoot,
  namespacesToRestoreInto,
} from '../../../src/criu/external.ts'
import type { LinuxNamespace, Mount, RuntimeSpec } from '../../../src/spec/runtime.ts'

const specWith = (mounts: Mount[], namespaces: LinuxNamespace[] = []): RuntimeSpec => ({
  ociVersion: '1.2.0',
  root: { path: 'rootfs' },
  mounts,
  linux: {
    namespaces,
    maskedPaths: ['/proc/kcore'],
    devices: [{ path: '/dev/fuse', type: 'c', major: 10, minor: 229 }],
  },
})

test('bind mounts are external under the name of their place, masked files under that of what hides them', () => {
  const spec = specWith([
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/data/', type: 'none', source: 'relative', options: ['rbind'] },
  ])
  assert.deepEqual(externalMounts(spec, '/bundle'), [
    { name: '/data', containerPath: '/data', hostPath: '/bundle/relative', onlyFiles: false },
    { name: '/dev/null', containerPath: '/proc/kcore', hostPath: '/dev/null', onlyFiles: true },
  ])
})

test('devices are external in a user namespace alone, where they are bound and not made', () => {
  const names = externalMounts(specWith([], [{ type: 'user' }]), '/').map(({ name }) => name)
  assert.deepEqual(names, ['/dev/null', '/dev/fuse'])
})

test('mount points below another mount are not looked for in the root file system', () => {
  const spec = specWith([
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs' },
    { destination: '/dev/shm', type: 'tmpfs', source: 'shm' },
    { destination: '/device', type: 'bind', source: '/host' },
  ])
  assert.deepEqual(mountPointsInRoot(spec, '/'), [{ path: '/dev' }, { path: '/device', source: '/host' }])
})

test('joined namespaces: those of network and PIDs are external, others criu joins itself', () => {
  const spec = specWith(
    [],
    [
      { type: 'network', path: '/run/netns/x' },
      { type: 'pid' },
      { type: 'ipc', path: '/proc/7/ns/ipc' },
      { type: 'mount' },
    ],
  )
  assert.deepEqual(
    externalNamespaces(spec, () => 77),
    ['net[77]:extRootNetNS'],
  )
  assert.deepEqual(namespacesToRestoreInto(spec), {
    inherited: [['extRootNetNS', '/run/netns/x']],
    joined: [{ type: 'ipc', path: '/proc/7/ns/ipc' }],
  })
  const joiningCgroup = specWith([], [{ type: 'cgroup', path: '/proc/7/ns/cgroup' }])
  assert.throws(() => namespacesToRestoreInto(joiningCgroup), { code: 'UNSUPPORTED' })
})
