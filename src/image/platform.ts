/** Which manifest of an index fits a machine. */
import { UtsuwaError } from '../errors.ts'
import type { Descriptor, ImageIndex, Platform } from '../spec/image.ts'

/** Node's names of machines, in Go's words, which images use. */
const GO_ARCHITECTURE: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' }
const NORMALIZED: Record<string, { architecture: string; variant?: string }> = {
  x86_64: { architecture: 'amd64' },
  'x86-64': { architecture: 'amd64' },
  aarch64: { architecture: 'arm64' },
  armhf: { architecture: 'arm', variant: 'v7' },
  armel: { architecture: 'arm', variant: 'v6' },
}

export function hostPlatform(): Platform {
  const architecture = GO_ARCHITECTURE[process.arch] ?? process.arch
  return architecture === 'arm' ? { os: 'linux', architecture, variant: 'v7' } : { os: 'linux', architecture }
}

/**
 * `linux/arm64`, `linux/arm/v7`, or an architecture alone.
 *
 * @throws UtsuwaError INVALID_ARGUMENT
 */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split('/')
  if (parts.length > 3 || !parts.every(part => /^[\w.-]+$/.test(part))) {
    throw new UtsuwaError(
      'INVALID_ARGUMENT',
      `${JSON.stringify(text)} is not a platform such as linux/arm64 or linux/arm/v7`,
    )
  }
  const [os = 'linux', given = hostPlatform().architecture, variant] = parts.length === 1 ? ['linux', parts[0]] : parts
  const normalized = NORMALIZED[given] ?? { architecture: given }
  const effective = variant ?? normalized.variant
  return { os, architecture: normalized.architecture, ...(effective === undefined ? {} : { variant: effective }) }
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter(part => part !== undefined).join('/')
}

/**
 * The manifest of an index for a platform: the same variant, else the closest one that such a machine runs. Entries that
 * are no images, such as attestations, have the platform `unknown/unknown` and are passed over.
 *
 * @throws UtsuwaError PLATFORM_NOT_FOUND that lists what there is
 */
export function selectManifest({ manifests }: ImageIndex, platform: Platform, name: string): Descriptor {
  const images = manifests.filter(entry => entry.platform?.os !== 'unknown' && entry.artifactType === undefined)
  const ranked = images
    .map(entry => ({ entry, rank: rankOf(entry.platform, platform) }))
    .filter(({ rank }) => rank !== undefined)
    .sort((a, b) => a.rank! - b.rank!)
  const best = ranked[0]?.entry
  if (best !== undefined) return best
  const available = [
    ...new Set(images.map(({ platform: has }) => (has === undefined ? 'unspecified' : formatPlatform(has)))),
  ]
  throw new UtsuwaError(
    'PLATFORM_NOT_FOUND',
    `no image for ${formatPlatform(platform)}, there is ${available.join(', ') || 'none'}`,
    {
      operation: `pull ${name}`,
    },
  )
}

/** 0 is best; undefined does not run. An entry without platform fits any (image-index.md). */
function rankOf(has: Platform | undefined, wanted: Platform): number | undefined {
  if (has === undefined) return 100
  if (has.os !== wanted.os || has.architecture !== wanted.architecture) return undefined
  const hasLevel = levelOf(has)
  const wantedLevel = levelOf(wanted)
  return hasLevel <= wantedLevel ? wantedLevel - hasLevel : undefined
}

/** `v7` runs on v7 and later. A missing variant means the one that everybody means. */
function levelOf({ architecture, variant }: Platform): number {
  const fallback = architecture === 'arm' ? 7 : architecture === 'arm64' ? 8 : 1
  const level = /^v(\d+)$/.exec(variant ?? '')?.[1]
  return level === undefined ? fallback : Number(level)
}
