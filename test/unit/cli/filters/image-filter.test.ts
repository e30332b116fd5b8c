import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imageFilter, referenceTest } from '../../../../src/cli/filters/image-filter.ts'
import type { Image } from '../../../../src/index.ts'
import { parseDigest } from '../../../../src/spec/digest.ts'

function image(reference: string, Labels: Record<string, string> = {}): Image {
  const digest = parseDigest(`sha256:${'0'.repeat(64)}`)
  const config = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers' as const, diff_ids: [] } }
  return {
    reference,
    id: digest,
    manifestDigest: digest,
    size: 0,
    diffIds: [],
    config: { ...config, config: { Labels } },
  }
}

const passes = async (subject: Image, ...filters: string[]): Promise<boolean> =>
  (await imageFilter(filters, {}))(subject)

test('a pattern for a name matches with or without registry, library and tag', () => {
  const alpine = image('docker.io/library/alpine:3.20')
  for (const pattern of ['alpine', 'alpine:3.20', 'alpine:3*', 'docker.io/library/alpine', 'a*', '*:3.2?'])
    assert.ok(referenceTest(pattern)(alpine), pattern)
  for (const pattern of ['alp', 'alpine:4', 'library', '*:3', 'alpin.'])
    assert.ok(!referenceTest(pattern)(alpine), pattern)
  assert.ok(referenceTest('team/*')(image('localhost:5000/team/app:1')))
  assert.ok(!referenceTest('*')(image('localhost:5000/team/deep/app:1')), 'a star stops at a slash')
})

test('labels are asked for together, other kinds are alternatives', async () => {
  const subject = image('localhost:5000/a:1', { made: 'here', empty: '' })
  assert.ok(await passes(subject, 'label=made', 'label=empty='))
  assert.ok(!(await passes(subject, 'label=made', 'label=other')))
  assert.ok(!(await passes(subject, 'label=made=there')))
  assert.ok(await passes(subject, 'label!=other'))
  assert.ok(!(await passes(subject, 'label=toString')))
  assert.ok(await passes(subject, 'reference=b', 'reference=a', 'dangling=false'))
  assert.ok(await passes(image('@sha256:0'), 'dangling=true'))
})

test('an unknown filter names the known ones', async () => {
  await assert.rejects(imageFilter(['size=1'], {}), { code: 'INVALID_ARGUMENT', hint: /dangling=…, label=…/ })
  await assert.rejects(imageFilter(['dangling=perhaps'], {}), { code: 'INVALID_ARGUMENT' })
})
