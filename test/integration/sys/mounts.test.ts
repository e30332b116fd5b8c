/** The system calls that take privileges: detached mounts, trees, and what they leave behind. */
import assert from 'node:assert/strict'
import { closeSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { mountOverlay } from '../../../src/launch/overlay.ts'
import { constants, sys } from '../../../src/sys/index.ts'
import { errnos } from '../../../src/util/errno.ts'

const directory = mkdtempSync(join(tmpdir(), 'utsuwa-mounts-'))
after(() => rmSync(directory, { recursive: true }))
const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8')

/** Overlay does not take a directory of an overlay as its upper one, which /tmp may lie on: a tmpfs does. */
function withTmpfs(use: (path: string) => void): void {
  const place = mkdtempSync(join(directory, 'tmpfs-'))
  sys.mount('tmpfs', place, 'tmpfs', 0, 'size=1m')
  try {
    use(place)
  } finally {
    sys.umount(place, constants.MNT_DETACH)
  }
}

test('a detached mount is a descriptor and nothing else: no path leads to it, and it goes with its last user', () => {
  const before = mounts()
  const fd = sys.mountDetached(
    'tmpfs',
    [
      ['size', '1m'],
      ['mode', '755'],
    ],
    0,
  )
  assert.equal(mounts(), before)
  writeFileSync(`/proc/self/fd/${fd}/file`, 'x')
  assert.deepEqual(readdirSync(`/proc/self/fd/${fd}`), ['file'])
  closeSync(fd)
  assert.equal(mounts(), before)
})

test('an option that the file system refuses is named; nothing stays open', () => {
  const before = readdirSync('/proc/self/fd').length
  const mount = () => sys.mountDetached('tmpfs', [['nosuchoption', 'x']], 0)
  assert.throws(mount, {
    code: 'KERNEL_OPERATION_FAILED',
    errno: errnos.EINVAL,
    message: /^set nosuchoption=x of tmpfs: EINVAL/,
  })
  assert.throws(() => sys.mountDetached('nosuchfs', [], 0), { errno: errnos.ENODEV })
  assert.equal(readdirSync('/proc/self/fd').length, before)
})

test('an overlay of layers: the upper one hides the lower, what is written goes to the upper directory', () => {
  withTmpfs(place => {
    const at = (name: string) => join(place, name)
    for (const name of ['lower', 'middle', 'upper', 'work']) mkdirSync(at(name))
    writeFileSync(join(at('lower'), 'one'), 'lower')
    writeFileSync(join(at('lower'), 'two'), 'lower')
    writeFileSync(join(at('middle'), 'two'), 'middle')
    const before = mounts()
    const fd = mountOverlay({ lowerDirs: [at('middle'), at('lower')], upperDir: at('upper'), workDir: at('work') })
    const root = `/proc/self/fd/${fd}`
    assert.equal(readFileSync(join(root, 'one'), 'utf8'), 'lower')
    assert.equal(readFileSync(join(root, 'two'), 'utf8'), 'middle')
    writeFileSync(join(root, 'one'), 'changed')
    assert.equal(readFileSync(join(at('upper'), 'one'), 'utf8'), 'changed')
    assert.equal(readFileSync(join(at('lower'), 'one'), 'utf8'), 'lower')
    assert.equal(mounts(), before)
    closeSync(fd)
  })
})

test('an overlay of many layers, more than the options of mount(2) would hold', () => {
  withTmpfs(place => {
    const at = (name: string) => join(place, name)
    const lowerDirs = Array.from({ length: 120 }, (_, index) => at(`layer-with-a-rather-long-name-${index}`))
    for (const path of [...lowerDirs, at('upper'), at('work')]) mkdirSync(path)
    for (const [index, path] of lowerDirs.entries()) writeFileSync(join(path, `file-${index}`), '')
    const fd = mountOverlay({ lowerDirs, upperDir: at('upper'), workDir: at('work') })
    assert.equal(readdirSync(`/proc/self/fd/${fd}`).length, 120)
    closeSync(fd)
  })
})
