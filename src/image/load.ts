/** `load`: images from an archive or a directory. */
import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { acquireWorkDirectory } from '../content/work-directory.ts'
import { UtsuwaError } from '../errors.ts'
import type { LayerLimits } from '../layer/limits.ts'
import { addImage, addingTo, type ImageToAdd } from './add.ts'
import { type ArchiveFiles, openDirectoryFiles, openTarFiles } from './archive-files.ts'
import { DOCKER_MANIFEST, readDockerArchive } from './docker-archive.ts'
import type { Image } from './image.ts'
import { decompressInput, type Input, openInput } from './input.ts'
import { isLayout, readLayout } from './layout.ts'
import { hostPlatform, parsePlatform } from './platform.ts'
import type { PullProgress } from './transfer.ts'

export interface LoadOptions {
  /** `linux/arm64`, `linux/arm/v7`: which image of several. Default: this machine. */
  platform?: string
  signal?: AbortSignal
  /** Called often; must not throw. */
  onProgress?: (progress: PullProgress) => void
  limits?: Partial<LayerLimits>
}

/**
 * Loads all images of an archive (of `docker save`, `podman save`, or an OCI image layout; also compressed by gzip or
 * zstd) or of a directory with an OCI image layout. Every digest is verified, and no name in it becomes a path of the host.
 *
 * @returns the images, once for each name
 * @throws UtsuwaError INVALID_SPEC, DIGEST_MISMATCH, SIZE_MISMATCH, CORRUPT_LAYER, UNSAFE_LAYER, LIMIT_EXCEEDED,
 *   PLATFORM_NOT_FOUND, UNSUPPORTED_MEDIA_TYPE, NO_SPACE, NOT_ROOT, ABORTED
 */
export async function load(root: string, input: Input, options: LoadOptions = {}): Promise<Image[]> {
  const wanted = options.platform === undefined ? undefined : parsePlatform(options.platform)
  return addingTo(root, options.signal, async work => {
    await using directory = await acquireWorkDirectory(root, `load-${randomBytes(12).toString('hex')}`)
    await using files = await openFiles(input, directory.path)
    const images: Image[] = []
    for (const image of await readImages(files, wanted ?? hostPlatform())) {
      const operation = `load ${image.name ?? image.descriptor.digest}`
      const onProgress = options.onProgress ?? (() => undefined)
      const { limits } = options
      images.push(await addImage(root, image, { ...work, operation, onProgress, platform: wanted, limits }))
    }
    return images
  })
}

async function openFiles(input: Input, workDirectory: string): Promise<ArchiveFiles> {
  const isDirectory = typeof input === 'string' && (await stat(input).catch(() => undefined))?.isDirectory()
  if (isDirectory) return openDirectoryFiles(input)
  return openTarFiles(await decompressInput(await openInput(input, workDirectory), workDirectory))
}

async function readImages(files: ArchiveFiles, platform: Parameters<typeof readLayout>[1]): Promise<ImageToAdd[]> {
  // docker and utsuwa write archives that are both; a layout has the manifest as it was pulled.
  if (await isLayout(files)) return readLayout(files, platform)
  if ((await files.size(DOCKER_MANIFEST)) !== undefined) return readDockerArchive(files)
  throw new UtsuwaError('INVALID_SPEC', `it has neither oci-layout and index.json nor ${DOCKER_MANIFEST}`, {
    operation: 'load images',
    hint: 'utsuwa import FILE makes an image of an archive that is a root file system',
  })
}
