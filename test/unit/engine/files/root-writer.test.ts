import assert from 'node:assert/strict'
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type MapOwner, RootWriter } from '../../../../src/engine/files/root-writer.ts'
import { isUtsuwaError } from '../../../../src/errors.ts'
import { constants } from '../../../../src/sys/index.ts'
import { temporaryDirectory } from '../../runtime/state/support.ts'

/** Files of this user's, since nobody else can give them away. */
const own = { uid: process.getuid!(), gid: process.getgid!() }
const toOwn: MapOwner = () => own

/** A root with a directory beside it, which nothing may get into. */
async function inRoot(check: (writer: RootWriter, root: string, outside: string) => Promise<void> | void) {
  using directory = temporaryDirectory()
  const [root, outside] = [join(directory.path, 'root'), join(directory.path, 'outside')]
  mkdirSync(root)
  mkdirSync(outside)
  const fd = openSync(root, constants.O_DIRECTORY)
  try {
    await check(new RootWriter(fd, toOwn), root, outside)
    assert.deepEqual(readdirSync(outside), [], 'something got out')
    assert.ok(!readdirSync(root, { recursive: true }).some(name => String(name).includes('.utsuwa-')), 'a leftover')
  } finally {
    closeSync(fd)
  }
}

const bytes = (text: string): Uint8Array => Buffer.from(text)

test('a file with its mode, and the directories above it', async () => {
  await inRoot(async (writer, root) => {
    await writer.file('/a/b/c.txt', bytes('hello'), 0o4750, own)
    assert.equal(readFileSync(join(root, 'a/b/c.txt'), 'utf8'), 'hello')
    assert.equal(statSync(join(root, 'a/b/c.txt')).mode & 0o7777, 0o4750)
    assert.equal(statSync(join(root, 'a/b')).mode & 0o7777, 0o755)
    await writer.file('a/./b//c.txt', bytes('again'), 0o600, own)
    assert.equal(readFileSync(join(root, 'a/b/c.txt'), 'utf8'), 'again')
  })
})

test('links on the way lead where they lead inside', async () => {
  await inRoot(async (writer, root, outside) => {
    symlinkSync(outside, join(root, 'absolute'))
    symlinkSync('../../../../../outside', join(root, 'relative'))
    // Inside there is nothing at the targets, and nothing is made at them.
    for (const link of ['absolute', 'relative'])
      await assert.rejects(writer.file(`/${link}/x`, bytes(''), 0o644, own), isUtsuwaError, link)
    mkdirSync(join(root, 'real'))
    symlinkSync('/real', join(root, 'link'))
    await writer.file('/link/x', bytes('x'), 0o644, own)
    assert.equal(readFileSync(join(root, 'real/x'), 'utf8'), 'x')
    await writer.file('/../../up', bytes('x'), 0o644, own)
    assert.ok(existsSync(join(root, 'up')))
  })
})

test('what has the name is replaced, a link too, and other names of the file keep their content', async () => {
  await inRoot(async (writer, root, outside) => {
    writeFileSync(join(root, 'old'), 'old')
    linkSync(join(root, 'old'), join(root, 'other'))
    symlinkSync(join(outside, 'planted'), join(root, 'link'))
    for (const name of ['old', 'link']) await writer.file(name, bytes('new'), 0o644, own)
    assert.ok(lstatSync(join(root, 'link')).isFile())
    assert.equal(readFileSync(join(root, 'other'), 'utf8'), 'old')
    writer.symlink('old', '/nowhere', own)
    assert.equal(readlinkSync(join(root, 'old')), '/nowhere')
    writer.link('second', 'other')
    writer.link('second', 'other')
    assert.equal(statSync(join(root, 'second')).ino, statSync(join(root, 'other')).ino)
  })
})

test('a directory is made or changed, and a file cannot take its name', async () => {
  await inRoot(async (writer, root) => {
    for (const mode of [0o700, 0o1777]) {
      writer.directory('/d/e', mode, own)
      assert.equal(statSync(join(root, 'd/e')).mode & 0o7777, mode)
    }
    await assert.rejects(writer.file('/d/e', bytes(''), 0o644, own), (error: unknown) => {
      assert.ok(isUtsuwaError(error, 'KERNEL_OPERATION_FAILED'), String(error))
      assert.match(error.message, /^write \/d\/e in the container: /)
      return true
    })
    await assert.rejects(writer.file('/d/e/x/..', bytes(''), 0o644, own), (error: unknown) =>
      isUtsuwaError(error, 'INVALID_ARGUMENT'),
    )
    for (const path of ['/', '', '.', 'a\0b'])
      await assert.rejects(writer.file(path, bytes(''), 0o644, own), (error: unknown) =>
        isUtsuwaError(error, 'INVALID_ARGUMENT'),
      )
  })
})

test('a file that is not committed leaves nothing', async () => {
  await inRoot((writer, root) => {
    {
      using _pending = writer.create('/x', 0o644, own)
    }
    assert.deepEqual(readdirSync(root), [])
  })
})
