import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  containerCgroupPath,
  parseCgroupHierarchy,
  parseOwnCgroup,
  readCgroupHierarchy,
  readControllers,
} from '../../../src/cgroup/hierarchy.ts'
import { isUtsuwaError } from '../../../src/errors.ts'

const ROOT = '22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n'
const v2At = (path: string, root = '/') => `32 22 0:27 ${root} ${path} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n`
const v1 = (options: string, id = 40) =>
  `${id} 30 0:${id} / /sys/fs/cgroup/${options.replaceAll(',', '-')} rw shared:${id} - cgroup cgroup rw,${options}\n`

test('tells the hierarchies apart', () => {
  const parse = (...lines: string[]) => parseCgroupHierarchy(ROOT + lines.join(''))
  assert.deepEqual(parse(v2At('/sys/fs/cgroup')), {
    mode: 'unified',
    mountHostPath: '/sys/fs/cgroup',
    v1Controllers: [],
  })
  assert.deepEqual(parse(v1('cpu,cpuacct'), v1('memory', 41), v1('name=systemd', 42), v2At('/sys/fs/cgroup/unified')), {
    mode: 'hybrid',
    mountHostPath: '/sys/fs/cgroup/unified',
    v1Controllers: ['cpu', 'cpuacct', 'memory'],
  })
  assert.deepEqual(parse(v1('memory')), { mode: 'legacy', mountHostPath: undefined, v1Controllers: ['memory'] })
  assert.deepEqual(parse(), { mode: 'none', mountHostPath: undefined, v1Controllers: [] })
})

test('takes the most useful of several v2 mounts', () => {
  const parse = (...lines: string[]) => parseCgroupHierarchy(lines.join('')).mountHostPath
  assert.equal(parse(v2At('/mnt/a'), v2At('/sys/fs/cgroup')), '/sys/fs/cgroup')
  assert.equal(parse(v2At('/sys/fs/cgroup', '/docker/x'), v2At('/mnt/a')), '/mnt/a')
  assert.equal(parse(v2At('/mnt/with\\040space')), '/mnt/with space')
  assert.equal(
    parse(v2At('/mnt/a'), '33 22 0:5 / /mnt/a rw - tmpfs tmpfs rw\n', v2At('/mnt/b')),
    '/mnt/b',
    'overmounted',
  )
})

test('reads the hierarchy of this process', () => {
  assert.match(readCgroupHierarchy().mode, /^(unified|hybrid|legacy|none)$/)
})

test('finds the own cgroup of v2 among those of v1', () => {
  assert.equal(parseOwnCgroup('9:name=systemd:/a\n0::/user.slice/x.scope\n'), '/user.slice/x.scope')
  assert.equal(parseOwnCgroup('1:cpu:/\n'), undefined)
})

test('places a container as runc does', () => {
  const place = (cgroupsPath: string | undefined, ownCgroup = '/user.slice/session.scope') =>
    containerCgroupPath({ cgroupsPath, id: 'box', ownCgroup })
  assert.equal(place('/a/b'), '/a/b')
  assert.equal(place('/a//b/'), '/a/b')
  assert.equal(place(undefined), '/user.slice/box')
  assert.equal(place(''), '/user.slice/box')
  assert.equal(place('a/b'), '/user.slice/a/b')
  assert.equal(place(undefined, '/'), '/box')
  for (const path of ['/', '/a/../..', '..', '/./']) {
    assert.throws(
      () => place(path),
      error => isUtsuwaError(error, 'INVALID_SPEC') && error.configPointer === '/linux/cgroupsPath',
      path,
    )
  }
})

test('reads the controllers of a cgroup', () => {
  const directory = mkdtempSync(join(tmpdir(), 'utsuwa-cgroup-'))
  try {
    writeFileSync(join(directory, 'cgroup.controllers'), 'cpu io memory\n')
    assert.deepEqual(readControllers(directory), ['cpu', 'io', 'memory'])
    writeFileSync(join(directory, 'cgroup.controllers'), '\n')
    assert.deepEqual(readControllers(directory), [])
    assert.throws(
      () => readControllers(join(directory, 'none')),
      error => isUtsuwaError(error, 'CGROUP_ERROR') && /^read cgroup controllers: ENOENT/.test(error.message),
    )
  } finally {
    rmSync(directory, { recursive: true })
  }
})
