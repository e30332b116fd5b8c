/** The hostile layers as far as TypeScript sees them. What becomes of the rest, test/security/unpack-cves.test.ts tests. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { UtsuwaError } from '../../../src/errors.ts'
import { DEFAULT_LAYER_LIMITS } from '../../../src/layer/limits.ts'
import { TarReader } from '../../../src/layer/tar.ts'
import { LayerTranslator } from '../../../src/layer/translate.ts'
import { hostileLayers } from '../../support/hostile-layers.ts'
import { type TarEntry, writeTar } from '../../support/tar-writer.ts'

/** One entry of each kind, so that the fuzzer knows each kind of record. */
const allKinds: readonly TarEntry[] = [
  { path: './', mode: 0o711 },
  { path: 'd/', pax: { 'SCHILY.xattr.user.note': 'value' } },
  { path: 'd/file', data: '' },
  { path: 'd/link', type: '2', linkpath: 'file' },
  { path: 'd/hard', type: '1', linkpath: 'd/file' },
  { path: 'd/null', type: '3', device: { major: 1, minor: 3 } },
  { path: 'd/disk', type: '4', device: { major: 8, minor: 0 } },
  { path: 'd/pipe', type: '6' },
  { path: 'd/.wh.gone' },
  { path: 'e/.wh..wh..opq' },
]

/** The records of an archive, up to where it is refused, and for what. */
function translate(archive: Buffer): { records: Buffer; refusal: string | undefined } {
  const translator = new LayerTranslator(DEFAULT_LAYER_LIMITS)
  const reader = new TarReader(translator, DEFAULT_LAYER_LIMITS)
  let refusal: string | undefined
  try {
    reader.write(archive)
    reader.end()
  } catch (error) {
    if (!(error instanceof UtsuwaError)) throw error
    refusal = error.code
  }
  return { records: Buffer.concat(translator.take()), refusal }
}

const where = { outside: '/outside', wayOut: '../outside' }

for (const { hole, attempt, archive, outcome } of hostileLayers)
  test(`${hole}: ${attempt}`, () => {
    const { refusal } = translate(archive(where))
    // What TypeScript lets pass the applier may still refuse, and nothing else refuses what is harmless.
    if (refusal !== undefined) assert.equal(refusal, outcome)
  })

/** What the fuzzer of the applier's records starts from. */
test('the records go to the fuzzer', () => {
  const seeds = join(import.meta.dirname, '../../../build/fuzz/corpus/applier_records')
  mkdirSync(seeds, { recursive: true })
  const archives = [writeTar(allKinds), ...hostileLayers.map(({ archive }) => archive(where))]
  for (const [index, archive] of archives.entries()) {
    const { records } = translate(archive)
    writeFileSync(join(seeds, `hostile-${index}`), records)
  }
  assert.equal(translate(writeTar(allKinds)).refusal, undefined)
})
