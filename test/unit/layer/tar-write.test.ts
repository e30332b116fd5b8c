import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_LAYER_LIMITS } from '../../../src/layer/limits.ts'
import { TarReader } from '../../../src/layer/tar.ts'
import { type ArchiveFile, writeArchive } from '../../../src/layer/tar-write.ts'

const file = (name: string, text: string): ArchiveFile => ({ name, size: text.length, read: () => [Buffer.from(text)] })

test('an archive holds its files, with names of any length', async () => {
  const long = `blobs/sha512/${'f'.repeat(128)}`
  const files = [file('oci-layout', 'x'), file('empty', ''), file(long, 'y'.repeat(512)), file('z', 'z'.repeat(513))]
  const archive = Buffer.concat(await Array.fromAsync(writeArchive(files)))
  assert.equal(archive.length % 512, 0)
  const found: [string, string][] = []
  const reader = new TarReader(
    {
      entry: ({ path, mode, uid, mtime }) => {
        found.push([path, ''])
        assert.deepEqual([mode, uid, mtime.seconds], [0o644, 0, 0])
      },
      content: chunk => {
        found.at(-1)![1] += chunk
      },
    },
    DEFAULT_LAYER_LIMITS,
  )
  reader.write(archive)
  reader.end()
  assert.deepEqual(
    found,
    files.map(({ name, read }) => [name, String(Buffer.concat([...(read() as Buffer[])]))]),
  )
})

test('a file larger than an octal field can say gets an extended header', async () => {
  const size = 9 * 1024 ** 3
  const [header] = await Array.fromAsync(takeFirst(writeArchive([{ name: 'large', size, read: () => [] }])))
  assert.ok(header?.includes(`size=${size}\n`))
})

test('a file that has not the size it should have fails', async () => {
  await assert.rejects(
    Array.fromAsync(writeArchive([{ name: 'a', size: 2, read: () => [Buffer.from('x')] }])),
    /expected 2/,
  )
})

async function* takeFirst<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const item of items) {
    yield item
    return
  }
}
