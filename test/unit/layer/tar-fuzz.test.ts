/**
 * Changed archives, from a fixed seed: whatever is in one, the reader accepts it or refuses it with an error of its own,
 * never fails otherwise, and hands on no more bytes than it was given.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UtsuwaError } from '../../../src/errors.ts'
import { DEFAULT_LAYER_LIMITS } from '../../../src/layer/limits.ts'
import { type TarHandler, TarReader } from '../../../src/layer/tar.ts'
import { LayerTranslator } from '../../../src/layer/translate.ts'
import { type TarEntry, writeTar } from '../../support/tar-writer.ts'

const ROUNDS = 2000
const REFUSALS = new Set(['CORRUPT_LAYER', 'UNSAFE_LAYER', 'LIMIT_EXCEEDED'])
const BLOCK = 512
const CHECKSUM = { at: 148, size: 8 }
const EDGES = [0, 1, 0x2e, 0x2f, 0x30, 0x37, 0x7f, 0x80, 0xff]

const seeds: TarEntry[][] = [
  [{ path: 'a/' }, { path: 'a/b', data: 'content' }, { path: 'a/c', type: '1', linkpath: 'a/b' }],
  [{ path: 'link', type: '2', linkpath: '../../etc/passwd' }, { path: '.wh.gone' }, { path: 'd/.wh..wh..opq' }],
  [{ path: `${'long/'.repeat(28)}name`, data: Buffer.alloc(1500, 1) }],
]

/** xorshift32: the same archives everywhere. */
function random(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** Without this nearly every change would end at the checksum. */
function correctChecksum(archive: Buffer, block: number): void {
  archive.fill(' ', block + CHECKSUM.at, block + CHECKSUM.at + CHECKSUM.size)
  const sum = archive.subarray(block, block + BLOCK).reduce((total, byte) => total + byte, 0)
  archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, block + CHECKSUM.at, 'latin1')
}

function changed(archive: Buffer, next: (below: number) => number): Buffer {
  const copy = Buffer.from(archive)
  for (let changes = 1 + next(6); changes > 0; changes--) {
    const at = next(copy.length)
    copy[at] = next(2) === 0 ? next(256) : EDGES[next(EDGES.length)]!
    if (next(8) !== 0) correctChecksum(copy, at - (at % BLOCK))
  }
  return next(8) === 0 ? copy.subarray(0, next(copy.length)) : copy
}

function read(archive: Buffer, pieces: number): void {
  const translator = new LayerTranslator(DEFAULT_LAYER_LIMITS)
  let content = 0
  const handler: TarHandler = {
    entry: entry => translator.entry(entry),
    entryEnds: () => translator.entryEnds(),
    content: chunk => {
      content += chunk.length
      translator.content(chunk)
    },
  }
  const reader = new TarReader(handler, DEFAULT_LAYER_LIMITS)
  for (let at = 0; at < archive.length; at += pieces) reader.write(archive.subarray(at, at + pieces))
  reader.end()
  assert.ok(content <= archive.length)
}

for (const [index, entries] of seeds.entries()) {
  test(`changes of archive ${index} are read or refused`, () => {
    const archive = writeTar(entries)
    read(archive, archive.length)
    const next = random(index + 1)
    for (let round = 0; round < ROUNDS; round++) {
      const hostile = changed(archive, next)
      try {
        read(hostile, 1 + next(2 * BLOCK))
      } catch (error) {
        const refused = error instanceof UtsuwaError && REFUSALS.has(error.code)
        assert.ok(refused, `round ${round}: ${String(error)}\n${hostile.toString('base64')}`)
      }
    }
  })
}
