import assert from 'node:assert/strict'
import { test } from 'node:test'
import { minimalSpec, only, planOf, withLinux } from './support.ts'

const usual = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom', '/dev/tty']

test('every container has the usual devices and the links of /dev', () => {
  const plan = planOf(minimalSpec())
  assert.deepEqual(
    only(plan, 'make_device').map(({ path, mode, major, minor, uid, gid, pointer }) => [
      path,
      mode.toString(8),
      `${major}:${minor}`,
      `${uid}:${gid}`,
      pointer,
    ]),
    usual.map((path, index) => [path, '20666', ['1:3', '1:5', '1:7', '1:8', '1:9', '5:0'][index], '0:0', '']),
  )
  assert.deepEqual(
    only(plan, 'make_symlink').map(({ path, target }) => `${path} → ${target}`),
    [
      '/dev/fd → /proc/self/fd',
      '/dev/stdin → /proc/self/fd/0',
      '/dev/stdout → /proc/self/fd/1',
      '/dev/stderr → /proc/self/fd/2',
      '/dev/ptmx → pts/ptmx',
    ],
  )
})

test('devices of the spec: types, modes and owners; one on the place of a usual one replaces it', () => {
  const plan = planOf(
    withLinux({
      namespaces: [{ type: 'mount' }],
      devices: [
        { path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o600, uid: 1, gid: 2 },
        { path: '/dev/sda', type: 'b', major: 8, minor: 0 },
        { path: '/dev/pipe', type: 'p' },
        { path: '/dev//null', type: 'u', major: 1, minor: 3, fileMode: 0o644 },
      ],
    }),
  )
  const devices = only(plan, 'make_device')
  assert.equal(devices.length, usual.length + 3)
  const byPath = new Map(devices.map(device => [device.path, device]))
  assert.deepEqual(byPath.get('/dev/fuse'), {
    op: 'make_device',
    path: '/dev/fuse',
    mode: 0o020600,
    major: 10,
    minor: 229,
    uid: 1,
    gid: 2,
    pointer: '/linux/devices/0',
  })
  assert.equal(byPath.get('/dev/sda')?.mode, 0o060666)
  assert.equal(byPath.get('/dev/pipe')?.mode, 0o010666)
  assert.deepEqual([byPath.get('/dev/null')?.mode, byPath.get('/dev/null')?.pointer], [0o020644, '/linux/devices/3'])
})

test("in a user namespace, where mknod is refused, the host's devices are bound; a FIFO is still made", () => {
  const plan = planOf(
    withLinux({ namespaces: [{ type: 'mount' }, { type: 'user' }], devices: [{ path: '/dev/p', type: 'p' }] }),
  )
  assert.deepEqual(
    only(plan, 'bind_device').map(({ source, path, type, major, minor }) => [source, path, type, `${major}:${minor}`]),
    usual.map((path, index) => [path, path, 0o020000, ['1:3', '1:5', '1:7', '1:8', '1:9', '5:0'][index]]),
  )
  assert.deepEqual(
    only(plan, 'make_device').map(({ path }) => path),
    ['/dev/p'],
  )
})

test("nothing is made in a /dev that is the host's", () => {
  for (const mount of [
    { destination: '/dev', type: 'bind', source: '/dev' },
    { destination: '/dev/', source: '/dev', options: ['rbind', 'rw'] },
  ]) {
    const plan = planOf(minimalSpec({ mounts: [mount] }))
    assert.deepEqual([...only(plan, 'make_device'), ...only(plan, 'make_symlink')], [])
  }
})

test('devices elsewhere are made whosever /dev is', () => {
  const plan = planOf(
    minimalSpec({
      mounts: [{ destination: '/dev', source: '/dev', options: ['rbind'] }],
      linux: { namespaces: [{ type: 'mount' }], devices: [{ path: '/srv/null', type: 'c', major: 1, minor: 3 }] },
    }),
  )
  assert.deepEqual(
    only(plan, 'make_device').map(({ path }) => path),
    ['/srv/null'],
  )
})
