import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatPlatform, hostPlatform, parsePlatform, selectManifest } from '../../../src/image/platform.ts'
import type { Descriptor, Digest, ImageIndex } from '../../../src/spec/image.ts'

const entry = (platform: string | undefined, extra = {}): Descriptor => ({
  mediaType: 'm',
  digest: `sha256:${platform}` as string as Digest,
  size: 1,
  ...(platform === undefined ? {} : { platform: parsePlatform(platform) }),
  ...extra,
})
const index = (...platforms: (string | undefined)[]): ImageIndex => ({
  schemaVersion: 2,
  manifests: platforms.map(platform => entry(platform)),
})
const chosen = (available: string[], wanted: string) =>
  selectManifest(index(...available), parsePlatform(wanted), 'x').digest

describe('platforms', () => {
  it('are parsed, with the names other tools use', () => {
    assert.deepEqual(parsePlatform('linux/arm/v7'), { os: 'linux', architecture: 'arm', variant: 'v7' })
    assert.deepEqual(parsePlatform('aarch64'), { os: 'linux', architecture: 'arm64' })
    assert.deepEqual(parsePlatform('Linux/x86_64'), { os: 'linux', architecture: 'amd64' })
    assert.equal(formatPlatform(parsePlatform('linux/armhf')), 'linux/arm/v7')
    assert.equal(hostPlatform().os, 'linux')
    for (const text of ['', 'a/b/c/d', 'linux/', 'linux/a b'])
      assert.throws(() => parsePlatform(text), { code: 'INVALID_ARGUMENT' }, text)
  })

  it('choose the same, else the closest variant that runs', () => {
    assert.equal(chosen(['linux/arm64', 'linux/amd64'], 'linux/amd64'), 'sha256:linux/amd64')
    assert.equal(chosen(['linux/arm/v6', 'linux/arm/v5'], 'linux/arm/v7'), 'sha256:linux/arm/v6')
    assert.equal(chosen(['linux/arm64/v8'], 'linux/arm64'), 'sha256:linux/arm64/v8')
    assert.equal(chosen(['linux/amd64/v3', 'linux/amd64'], 'linux/amd64'), 'sha256:linux/amd64')
    assert.equal(selectManifest(index(undefined), hostPlatform(), 'x').platform, undefined)
  })

  it('pass over attestations and artifacts', () => {
    const attestation = entry('unknown/unknown', {
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
    })
    const artifact = entry('linux/amd64', { artifactType: 'application/x' })
    const good = entry('linux/amd64')
    assert.equal(
      selectManifest({ schemaVersion: 2, manifests: [attestation, artifact, good] }, parsePlatform('linux/amd64'), 'x'),
      good,
    )
  })

  it('say what there is', () => {
    assert.throws(() => chosen(['linux/arm64', 'windows/amd64', 'linux/arm/v7'], 'linux/arm/v6'), {
      code: 'PLATFORM_NOT_FOUND',
      message: 'pull x: no image for linux/arm/v6, there is linux/arm64, windows/amd64, linux/arm/v7',
    })
  })
})
