/** A store on a disk that is full: pulls say so, nothing breaks, and what frees space works with 0 bytes free. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { images, importImage, load, prune, pull, removeImage, tag } from '../../../src/index.ts'
import { execute, utsuwaPath } from '../../support/command-line.ts'
import { buildBusyboxImage, buildImage, pushImage } from '../../support/image-builder.ts'
import { startRegistry, type TestRegistry } from '../../support/registry.ts'
import { type TarEntry, writeTar } from '../../support/tar-writer.ts'

let registry: TestRegistry
let scratch: string
/** Fits. */
let small: string
/** Fits compressed. */
let swelling: string
/** Fits by no means. */
let large: string

before(async () => {
  registry = await startRegistry()
  scratch = mkdtempSync(join(tmpdir(), 'utsuwa-full-'))
  small = await pushed('small', [[{ path: 'small', data: 'small' }]])
  swelling = await pushed('swelling', [[{ path: 'zeros', data: Buffer.alloc(24_000_000) }]])
  large = `${registry.host}/large:test`
  const dir = join(scratch, 'large')
  await buildImage({
    dir,
    layers: [writeTar([{ path: 'large', data: randomBytes(24_000_000) }])],
  })
  await pushImage(dir, large)
})

after(async () => {
  await registry[Symbol.asyncDispose]()
  rmSync(scratch, { recursive: true, force: true })
})

async function pushed(name: string, layers: TarEntry[][]): Promise<string> {
  const dir = join(scratch, name)
  await buildBusyboxImage({ dir, layers })
  await pushImage(dir, `${registry.host}/${name}:test`)
  return `${registry.host}/${name}:test`
}

interface Disk extends Disposable {
  readonly path: string
  /** Store root on it. */
  readonly root: string
  /** Leaves no byte free. */
  fill(): void
  /** Undoes it. */
  release(): void
}

function mountDisk(options: string): Disk {
  const path = mkdtempSync(join(scratch, 'disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path])
  const filler = join(path, 'filler')
  return {
    path,
    root: join(path, 'store'),
    fill() {
      assert.throws(() => {
        for (let size = 1 << 20; ; ) {
          try {
            writeFileSync(filler, Buffer.alloc(size), { flag: 'a' })
          } catch (error) {
            if (size === 1) throw error
            size >>= 1
          }
        }
      }, /ENOSPC/)
      assert.equal(statfsSync(path).bfree, 0)
    },
    release: () => rmSync(filler),
    [Symbol.dispose]: () => execFileSync('umount', ['--lazy', path]),
  }
}

const names = async (root: string): Promise<string[]> => (await images({ root })).map(({ reference }) => reference)

/** Only what an image that is listed needs. */
function assertTidy(root: string, { layers }: { layers: number }): void {
  assert.deepEqual(readdirSync(join(root, 'tmp')), [])
  assert.equal(readdirSync(join(root, 'layers')).length, layers)
}

test('a pull that fills the disk says so, takes back what it wrote, and does not touch other images', async () => {
  using disk = mountDisk('size=16m')
  const { root } = disk
  await pull(small, { root })
  await assert.rejects(pull(swelling, { root }), { code: 'NO_SPACE' })
  assertTidy(root, { layers: 2 })
  await assert.rejects(pull(large, { root }), {
    code: 'NO_SPACE',
    message: /need \d+ bytes and more unpacked, \d+ are free/,
  })
  assertTidy(root, { layers: 2 })
  assert.deepEqual(await names(root), [small])
  const run = [
    '--root',
    root,
    '--run-root',
    join(scratch, 'run'),
    'run',
    '--rm',
    '--network',
    'none',
    small,
    'cat',
    'small',
  ]
  const { stdout, stderr } = await execute(utsuwaPath, run)
  assert.equal(stdout, 'small', stderr)
  await pull(small, { root })
  await removeImage(small, { root })
  assertTidy(root, { layers: 0 })
})

test('with 0 bytes free an image can be removed', async () => {
  using disk = mountDisk('size=16m')
  const { root } = disk
  await pull(small, { root })
  await tag(small, 'another', { root })
  disk.fill()
  await removeImage('another', { root })
  disk.fill()
  await removeImage(small, { root })
  assert.deepEqual(await names(root), [])
  assertTidy(root, { layers: 0 })
  assert.ok(statfsSync(disk.path).bavail > 0)
  disk.release()
  await pull(small, { root })
})

test('with 0 bytes free prune collects what a killed pull left, and with --all every image', async () => {
  using disk = mountDisk('size=16m')
  const { root } = disk
  await pull(small, { root })
  for (const left of ['tmp/blob-left', 'layers/left', 'partial']) {
    mkdirSync(join(root, left))
    writeFileSync(join(root, left, 'data'), Buffer.alloc(1_000_000, 1))
  }
  disk.fill()
  const { reclaimed } = await prune({ root })
  assert.ok(reclaimed >= 3_000_000, String(reclaimed))
  assert.deepEqual(await names(root), [small])
  disk.fill()
  const words = ['--root', root, '--run-root', join(scratch, 'run')]
  const { exitCode, stdout, stderr } = await execute(utsuwaPath, [...words, 'prune', '--all', '--force'])
  assert.equal(exitCode, 0, stderr)
  assert.match(stdout, /^Untagged: .*\/small:test\nDeleted: sha256:\w+\nTotal reclaimed space: [\d.]+MB\n$/)
  assertTidy(root, { layers: 0 })
})

test('with 0 bytes free everything that adds fails with NO_SPACE and changes nothing', async () => {
  using disk = mountDisk('size=16m')
  const { root } = disk
  await pull(small, { root })
  disk.fill()
  const archive = join(scratch, 'root.tar')
  writeFileSync(archive, writeTar([{ path: 'file', data: 'file' }]))
  await assert.rejects(pull(swelling, { root }), { code: 'NO_SPACE' })
  disk.fill()
  await assert.rejects(load(join(scratch, 'swelling'), { root }), { code: 'NO_SPACE' })
  disk.fill()
  await assert.rejects(importImage(archive, { root, name: 'new' }), { code: 'NO_SPACE' })
  assert.deepEqual(await names(root), [small])
  disk.release()
  await importImage(archive, { root, name: 'new' })
  assert.deepEqual(await names(root), [small, 'docker.io/library/new:latest'])
})

test('a disk without a free inode is a full disk', async () => {
  using disk = mountDisk('size=100m,nr_inodes=600')
  const { root } = disk
  await pull(small, { root })
  const free = statfsSync(disk.path).ffree
  for (let index = 0; index < free; index++) writeFileSync(join(disk.path, `inode-${index}`), '')
  await assert.rejects(pull(swelling, { root }), { code: 'NO_SPACE' })
  await removeImage(small, { root })
  assertTidy(root, { layers: 0 })
})
