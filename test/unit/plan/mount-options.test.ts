import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type MountOptions,
  mountAttributes,
  mountOptionNames,
  parseMountOptions,
} from '../../../src/plan/mount-options.ts'

const none: MountOptions = {
  bind: false,
  recursiveBind: false,
  remount: false,
  copyUp: false,
  idmap: 'none',
  set: 0,
  clear: 0,
  setRecursive: 0,
  clearRecursive: 0,
  propagation: 0,
  data: [],
}
const ATIME = mountAttributes.MOUNT_ATTR__ATIME

/** Option → attributes that it sets and clears. */
const attributes: Record<string, readonly [number, number]> = {
  ro: [0x1, 0],
  rw: [0, 0x1],
  nosuid: [0x2, 0],
  suid: [0, 0x2],
  nodev: [0x4, 0],
  dev: [0, 0x4],
  noexec: [0x8, 0],
  exec: [0, 0x8],
  noatime: [0x10, ATIME],
  atime: [0, ATIME],
  strictatime: [0x20, ATIME],
  nostrictatime: [0, ATIME],
  relatime: [0, ATIME],
  norelatime: [0x20, ATIME],
  nodiratime: [0x80, 0],
  diratime: [0, 0x80],
  nosymfollow: [0x200000, 0],
  symfollow: [0, 0x200000],
}

test('nothing asks for nothing', () => {
  assert.deepEqual(parseMountOptions(), none)
  assert.deepEqual(parseMountOptions(['', 'defaults', 'nofail', '_netdev', 'loud', 'silent']), none)
})

for (const [option, [set, clear]] of Object.entries(attributes)) {
  test(`${option}, and r${option} for the whole tree`, () => {
    assert.deepEqual(parseMountOptions([option]), { ...none, set, clear })
    assert.deepEqual(parseMountOptions([`r${option}`]), { ...none, setRecursive: set, clearRecursive: clear })
  })
}

test('of two that contradict each other the later wins', () => {
  assert.deepEqual(parseMountOptions(['ro', 'rw']), { ...none, clear: 1 })
  assert.deepEqual(parseMountOptions(['rw', 'ro']), { ...none, set: 1 })
  assert.deepEqual(parseMountOptions(['rro', 'rrw']), { ...none, clearRecursive: 1 })
  assert.deepEqual(parseMountOptions(['nosuid', 'nodev', 'suid']), { ...none, set: 4, clear: 2 })
})

test('an access time mode takes the whole field, since mount_setattr refuses to set part of it', () => {
  assert.deepEqual(parseMountOptions(['noatime', 'strictatime']), { ...none, set: 0x20, clear: ATIME })
  assert.deepEqual(parseMountOptions(['strictatime', 'relatime']), { ...none, set: 0, clear: ATIME })
  assert.deepEqual(parseMountOptions(['relatime', 'noatime', 'nodiratime']), { ...none, set: 0x90, clear: ATIME })
})

test('options for the mount and for its tree do not touch each other', () => {
  assert.deepEqual(parseMountOptions(['rw', 'rro']), { ...none, clear: 1, setRecursive: 1 })
})

test('bind, recursive bind, remount, copy-up and idmap', () => {
  assert.deepEqual(parseMountOptions(['bind']), { ...none, bind: true })
  assert.deepEqual(parseMountOptions(['rbind']), { ...none, bind: true, recursiveBind: true })
  assert.deepEqual(parseMountOptions(['remount', 'tmpcopyup']), { ...none, remount: true, copyUp: true })
  assert.deepEqual(parseMountOptions(['idmap']), { ...none, idmap: 'top' })
  assert.deepEqual(parseMountOptions(['ridmap']), { ...none, idmap: 'recursive' })
})

test('propagation is a flag of mount(2), with MS_REC for the forms that begin with r; the later wins', () => {
  const propagation = { private: 0x40000, slave: 0x80000, shared: 0x100000, unbindable: 0x20000 }
  for (const [name, flag] of Object.entries(propagation)) {
    assert.deepEqual(parseMountOptions([name]), { ...none, propagation: flag })
    assert.deepEqual(parseMountOptions([`r${name}`]), { ...none, propagation: flag | 0x4000 })
  }
  assert.deepEqual(parseMountOptions(['rprivate', 'rshared']), { ...none, propagation: 0x104000 })
})

test('what is left is for the file system, taken apart at commas unless they are inside quotes', () => {
  assert.deepEqual(parseMountOptions(['size=64m', 'mode=755,uid=0', 'newinstance']).data, [
    'size=64m',
    'mode=755',
    'uid=0',
    'newinstance',
  ])
  const label = 'context="system_u:object_r:container_file_t:s0:c1,c2"'
  assert.deepEqual(parseMountOptions([label]).data, [label])
})

test('an option of no meaning that begins with r is not taken for a recursive one', () => {
  assert.deepEqual(parseMountOptions(['rootcontext=x', 'rsize=1024']).data, ['rootcontext=x', 'rsize=1024'])
})

test('every option that the specification wants is known', () => {
  const must = `async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime noexec
    noiversion nolazytime norelatime nostrictatime nosuid private rbind relatime remount ro rprivate rshared rslave runbindable rw
    shared silent slave strictatime suid sync unbindable`
  const should = `nosymfollow ratime rdev rdiratime rexec rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime
    rnosuid rnosymfollow rrelatime rro rrw rstrictatime rsuid rsymfollow symfollow idmap ridmap`
  const known = new Set(mountOptionNames())
  const missing = `${must} ${should}`.split(/\s+/).filter(option => !known.has(option))
  assert.deepEqual(missing, [])
})
