/** How much a layer may ask for, so that a small download cannot fill a disk, a memory or a day. */
import { UtsuwaError } from '../errors.ts'

export interface LayerLimits {
  /** Entries of the archive. Default 2,000,000. */
  entries: number
  /** Bytes after decompression. Default 128 GiB. */
  bytes: number
  /** Bytes after decompression for each one before, looked at once there are 256 MiB of them. Default 500. */
  ratio: number
  /** Nested directories in one path. Default 512. */
  depth: number
  /** Bytes of all extended headers of one entry: PAX records and long names. Default 1 MiB. */
  headerBytes: number
  /** Extended headers in front of one entry. Default 16. */
  headers: number
  /** Extended attributes of one entry. Default 1000. */
  attributes: number
  /** Directories that entries lie in and that the archive does not list before them, beside one an entry. Default 10,000. */
  impliedDirectories: number
  /** Components of the target of a symbolic link, which each name that leads through it costs. Default 128. */
  linkDepth: number
}

export const DEFAULT_LAYER_LIMITS: LayerLimits = {
  entries: 2_000_000,
  bytes: 128 * 1024 ** 3,
  ratio: 500,
  depth: 512,
  headerBytes: 1024 ** 2,
  headers: 16,
  attributes: 1000,
  impliedDirectories: 10_000,
  linkDepth: 128,
}

/** What the kernel takes, in bytes: paths and targets of links, names and values of extended attributes. */
export const KERNEL_LIMITS = { path: 4095, attributeName: 255, attributeValue: 64 * 1024 }

/**
 * Window of a zstd layer, as the base 2 logarithm of bytes: 32 MiB, the largest that builders of images choose. A frame may ask
 * for as much memory as it likes; the format's own recommendation is 8 MiB (RFC 8878, 3.1.1.1.2).
 */
export const ZSTD_WINDOW_LOG = 25

/** A file of zeros compresses a thousandfold and is no attack while it is small. */
const RATIO_MATTERS_FROM = 256 * 1024 ** 2

export function limitExceeded(reason: string, limit: number): UtsuwaError {
  return new UtsuwaError('LIMIT_EXCEEDED', `${reason}, the limit is ${limit}`, { operation: 'unpack layer' })
}

/** @throws UtsuwaError LIMIT_EXCEEDED */
export function checkExpansion(limits: LayerLimits, compressed: number, uncompressed: number): void {
  if (uncompressed > limits.bytes) throw limitExceeded(`more than ${limits.bytes} bytes`, limits.bytes)
  if (uncompressed > RATIO_MATTERS_FROM && uncompressed > compressed * limits.ratio) {
    throw limitExceeded(
      `${compressed} bytes expand to more than ${uncompressed}, over ${limits.ratio} for one`,
      limits.ratio,
    )
  }
}
