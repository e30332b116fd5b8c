/** Layers come as gzip, zstd or plain tar; their first bytes tell which. */
import type { Transform } from 'node:stream'
import { constants, createGunzip, createZstdDecompress, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { UtsuwaError } from '../errors.ts'
import { isErrno } from '../util/errno.ts'
import { ZSTD_WINDOW_LOG } from './limits.ts'

/** Bytes. Node's default of 16 KiB makes gunzip twice as slow: every chunk is a trip to the thread pool and back. */
const CHUNK_SIZE = 512 * 1024
/** For layers whose first piece is all there is: most images have many of them, and memory must first be had. */
const SMALL_CHUNK_SIZE = 64 * 1024
const SMALL = 16 * 1024
const ZSTD = { params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } }

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

/**
 * The transformation that undoes the compression, or undefined where there is none. `start` is the first 4 bytes or more.
 *
 * A write is answered with backpressure until its bytes are used up, so a source that `pipeline` reads from may use its
 * memory again when it is asked for more.
 */
export function decompressorFor(start: Buffer): Transform | undefined {
  const chunkSize = start.length < SMALL ? SMALL_CHUNK_SIZE : CHUNK_SIZE
  const options = { chunkSize, writableHighWaterMark: 1 }
  switch (compressionOf(start)) {
    case 'gzip':
      return createGunzip(options)
    case 'zstd':
      return createZstdDecompress({ ...options, ...ZSTD })
    case 'none':
      return undefined
  }
}

/**
 * A small layer decompressed at once, which takes less time than to make a stream for it; undefined where it turns out to
 * be a large one.
 */
export function decompressSmall(layer: Buffer): Buffer | undefined {
  const options = { maxOutputLength: CHUNK_SIZE }
  try {
    switch (compressionOf(layer)) {
      case 'gzip':
        return gunzipSync(layer, options)
      case 'zstd':
        return zstdDecompressSync(layer, { ...options, ...ZSTD })
      case 'none':
        return layer
    }
  } catch (error) {
    if (isErrno(error, 'ERR_BUFFER_TOO_LARGE')) return undefined
    throw error
  }
}

/**
 * Releases the memory of a chunk of a decompressor that is no longer needed, and with the last chunk in it that of
 * its whole buffer. The garbage collector would do the same, after marking the heap once for every 64 MiB.
 */
export function discardChunk({ buffer, byteOffset, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && byteOffset + byteLength === buffer.byteLength) buffer.transfer(0)
}

/** The media type of a layer whose bytes begin so. */
export function layerMediaType(start: Buffer): string {
  const compression = compressionOf(start)
  return `application/vnd.oci.image.layer.v1.tar${compression === 'none' ? '' : `+${compression}`}`
}
