/** Layers come as gzip, zstd or plain tar; their first bytes tell which. */
import type { Transform } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { UtsuwaError } from '../errors.ts'

/** Node's default of 16 KiB makes gunzip twice as slow: every chunk is a trip to the thread pool and back. */
const CHUNK_SIZE = 512 * 1024

const LAYER_MEDIA_TYPES = new Set([
  'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.oci.image.layer.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.diff.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd',
])

/**
 * Refuses what is no layer that a registry serves. Foreign layers are to be fetched from wherever the image says, which
 * would send credentials there or read this network's services.
 *
 * @throws UtsuwaError UNSUPPORTED_MEDIA_TYPE
 */
export function checkLayerMediaType(mediaType: string): void {
  if (LAYER_MEDIA_TYPES.has(mediaType)) return
  const foreign = mediaType.includes('foreign') || mediaType.includes('nondistributable')
  const reason = foreign ? 'layers from outside the registry are not fetched' : `no layer format: ${mediaType}`
  throw new UtsuwaError('UNSUPPORTED_MEDIA_TYPE', reason, { operation: 'unpack layer' })
}

/** How the bytes that begin so are compressed. `start` is the first 4 bytes or more, of what has so many. */
export function compressionOf(start: Buffer): 'gzip' | 'zstd' | 'none' {
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip'
  return start.length >= 4 && start.readUInt32LE(0) === 0xfd2f_b528 ? 'zstd' : 'none'
}

/** The transformation that undoes the compression, or undefined where there is none. `start` is the first 4 bytes or more. */
export function decompressorFor(start: Buffer): Transform | undefined {
  switch (compressionOf(start)) {
    case 'gzip':
      return createGunzip({ chunkSize: CHUNK_SIZE })
    case 'zstd':
      return createZstdDecompress({ chunkSize: CHUNK_SIZE })
    case 'none':
      return undefined
  }
}

/** The media type of a layer whose bytes begin so. */
export function layerMediaType(start: Buffer): string {
  const compression = compressionOf(start)
  return `application/vnd.oci.image.layer.v1.tar${compression === 'none' ? '' : `+${compression}`}`
}
