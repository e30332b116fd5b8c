/** `import`: an image of one layer, from an archive of a root file system. */
import { createHash, randomBytes } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { acquireWorkDirectory } from '../content/work-directory.ts'
import type { DiffId, ImageConfig, ImageRunConfig, Platform } from '../spec/image.ts'
import { addImage, addingTo } from './add.ts'
import { applyChanges } from './changes.ts'
import { describeLayer, makeManifest } from './docker-archive.ts'
import type { Image } from './image.ts'
import { type Input, openInput, readRange, readUncompressed } from './input.ts'
import { hostPlatform, parsePlatform } from './platform.ts'
import { taggedName } from './tag.ts'
import type { PullProgress } from './transfer.ts'

export interface ImportOptions {
  /** Name of the image. Without it, it has only its id. */
  name?: string
  /** Instructions of a Dockerfile: `CMD ["sh"]`, `ENV A=b`, `WORKDIR /srv`. */
  changes?: readonly string[]
  /** Kept in the history. */
  message?: string
  /** `linux/arm64`. Default: this machine. */
  platform?: string
  signal?: AbortSignal
  /** Called often; must not throw. */
  onProgress?: (progress: PullProgress) => void
}

/**
 * Makes an image of an archive of a root file system, such as `export` writes; plain or compressed by gzip or zstd.
 *
 * @throws UtsuwaError INVALID_ARGUMENT, INVALID_REFERENCE, CORRUPT_LAYER, UNSAFE_LAYER, LIMIT_EXCEEDED, NO_SPACE, ABORTED
 */
export async function importImage(root: string, input: Input, options: ImportOptions = {}): Promise<Image> {
  const name = options.name === undefined ? undefined : taggedName(options.name)
  const platform = options.platform === undefined ? hostPlatform() : parsePlatform(options.platform)
  const runConfig = applyChanges(options.changes ?? [])
  return addingTo(root, options.signal, async work => {
    await using directory = await acquireWorkDirectory(root, `import-${randomBytes(12).toString('hex')}`)
    await using archive = await openInput(input, directory.path)
    const layer = await describeLayer(readRange(archive))
    const config = imageConfig(platform, runConfig, await diffIdOf(archive), options.message)
    const configBytes = Buffer.from(JSON.stringify(config))
    return await addImage(
      root,
      {
        name,
        ...makeManifest(configBytes, [layer]),
        configBytes,
        readLayer: () => ({ read: () => readRange(archive) }),
      },
      {
        ...work,
        operation: `import ${name ?? layer.digest}`,
        onProgress: options.onProgress ?? (() => undefined),
        platform,
        limits: undefined,
      },
    )
  })
}

async function diffIdOf(archive: FileHandle): Promise<DiffId> {
  const hash = createHash('sha256')
  for await (const chunk of readUncompressed(archive)) hash.update(chunk)
  return `sha256:${hash.digest('hex')}` as string as DiffId
}

function imageConfig(
  platform: Platform,
  runConfig: ImageRunConfig,
  diffId: DiffId,
  message = 'imported by utsuwa',
): ImageConfig {
  const created = new Date().toISOString()
  return {
    ...platform,
    created,
    config: runConfig,
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created, comment: message }],
  }
}
