import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Linux, Mount } from '../../../src/spec/runtime.ts'
import { assertRefused, minimalSpec, only, planOf } from './support.ts'

function compiled(mount: Mount, linux: Linux = { namespaces: [{ type: 'mount' }] }) {
  const plan = planOf(minimalSpec({ mounts: [mount], linux }))
  return [...only(plan, 'mount_at'), ...only(plan, 'bind_at')][0]
}

test('a file system: its attributes apart from its own options', () => {
  assert.partialDeepStrictEqual(
    compiled({
      destination: '/run//x/',
      type: 'tmpfs',
      source: 'tmp',
      options: ['nosuid', 'rnodev', 'size=1m', 'shared'],
    }),
    {
      op: 'mount_at',
      type: 'tmpfs',
      source: 'tmp',
      destination: '/run/x',
      options: ['size=1m'],
      attributes: 6,
      propagation: 0x100000,
      symlinks: 'follow',
      pointer: '/mounts/0',
    },
  )
})

test('a read-only tmpfs, and a read-only /dev, become so when later mounts and devices have a place in them', () => {
  const mounts = [
    { destination: '/dev', type: 'devtmpfs', options: ['nosuid', 'ro'] },
    { destination: '/x', type: 'tmpfs', options: ['rro'] },
    { destination: '/x/y', type: 'tmpfs' },
    { destination: '/sys', type: 'sysfs', options: ['ro'] },
  ]
  const plan = planOf(minimalSpec({ mounts, linux: { namespaces: [{ type: 'mount' }] } }))
  assert.deepEqual(
    only(plan, 'mount_at').map(({ attributes }) => attributes),
    [2, 0, 0, 1],
  )
  const sealed = only(plan, 'remount_at').map(({ destination, setAttributes, pointer }) => [
    destination,
    setAttributes,
    pointer,
  ])
  assert.deepEqual(sealed, [
    ['/dev', 1, '/mounts/0'],
    ['/x', 1, '/mounts/1'],
  ])
  const order = plan.init.map(({ op }) => op)
  assert.ok(order.indexOf('remount_at') > order.lastIndexOf('make_device'))
})

test("the kernel's own file systems are not mounted through a link of the image", () => {
  for (const type of ['proc', 'sysfs']) {
    const operation = compiled({ destination: '/x', type })
    assert.deepEqual([operation?.op, operation?.symlinks], ['mount_at', 'refuse'])
    assert.equal(operation?.source, type)
  }
})

test('a bind: relative to the bundle, recursive only when the options say so', () => {
  assert.partialDeepStrictEqual(
    compiled({ destination: '/data', source: 'data', options: ['rbind', 'ro', 'rnosuid', 'rw'] }),
    {
      op: 'bind_at',
      source: '/bundle/data',
      destination: '/data',
      recursive: 1,
      setAttributes: 0,
      clearAttributes: 1,
      setRecursiveAttributes: 2,
      clearRecursiveAttributes: 0,
      propagation: 0,
      symlinks: 'follow',
      insideProc: 'refuse',
      pointer: '/mounts/0',
    },
  )
  for (const mount of [
    { destination: '/data', source: '/data', options: ['bind'] },
    { destination: '/data', source: '/data', type: 'bind' },
  ]) {
    const operation = compiled(mount)
    assert.deepEqual([operation?.op, operation?.source], ['bind_at', '/data'])
    assert.equal(operation?.op === 'bind_at' && operation.recursive, 0)
  }
})

test('remount: all attributes become what the options say, but access times that they do not speak of', () => {
  const remounted = (mount: Mount) => only(planOf(minimalSpec({ mounts: [mount] })), 'remount_at')[0]
  assert.deepEqual(remounted({ destination: '/x', type: 'tmpfs', options: ['remount', 'ro', 'nodev', 'size=1m'] }), {
    op: 'remount_at',
    destination: '/x',
    fileSystem: 1,
    options: ['ro', 'async', 'nolazytime', 'size=1m'],
    setAttributes: 0x5,
    clearAttributes: 0x20000a,
    setRecursiveAttributes: 0,
    clearRecursiveAttributes: 0,
    propagation: 0,
    pointer: '/mounts/0',
  })
  assert.partialDeepStrictEqual(
    remounted({ destination: '/x', source: '/y', options: ['bind', 'remount', 'noatime'] }),
    {
      fileSystem: 0,
      options: [],
      setAttributes: 0x10,
      clearAttributes: (0x2000ff & ~0x10) | 0x70,
    },
  )
  assert.deepEqual(remounted({ destination: '/x', options: ['remount'] })?.options.slice(0, 1), ['rw'])
})

test('only harmless files of procfs may be covered', () => {
  const insideProc = (destination: string) => {
    const operation = compiled({ destination, source: '/x', options: ['bind'] })
    return operation?.op === 'bind_at' && operation.insideProc
  }
  assert.equal(insideProc('/proc/meminfo'), 'allow')
  assert.equal(insideProc('/proc/./sys/../meminfo'), 'allow')
  assert.equal(insideProc('/proc/self/attr'), 'refuse')
  assert.equal(insideProc('/proc/meminfo/x'), 'refuse')
})

test("cgroup: a mount of the container's own with a cgroup namespace, otherwise the host's, bound", () => {
  const mount = { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro', 'nosuid'] }
  const own = compiled(mount, { namespaces: [{ type: 'mount' }, { type: 'cgroup' }] })
  assert.deepEqual([own?.op, own?.op === 'mount_at' && own.type], ['mount_at', 'cgroup2'])
  const host = compiled(mount)
  assert.deepEqual([host?.op, host?.source], ['bind_at', '/sys/fs/cgroup'])
  assertRefused(
    minimalSpec({ mounts: [mount] }),
    { code: 'CGROUP_ERROR', pointer: '/mounts/0', message: /no cgroup v2/ },
    { host: { cgroupMount: undefined, cgroupControllers: [] } },
  )
})

test('what cannot be mounted is refused with its place', () => {
  const proc = { destination: '/proc', type: 'proc' }
  const refused: [Mount, 'INVALID_SPEC' | 'UNSUPPORTED', RegExp][] = [
    [{ destination: '/x' }, 'INVALID_SPEC', /type must be given/],
    [{ destination: '/x', type: 'bind' }, 'INVALID_SPEC', /source must be given/],
    [{ destination: '/x', type: 'tmpfs', options: ['idmap'] }, 'UNSUPPORTED', /id-mapped mount that is no bind/],
  ]
  for (const [mount, code, message] of refused)
    assertRefused(minimalSpec({ mounts: [proc, mount] }), { code, pointer: '/mounts/1', message })
})
