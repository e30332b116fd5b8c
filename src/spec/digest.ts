/**
 * Digests (image-spec descriptor.md, "Digests"). A digest is a type, not a string, and there are three kinds of it that
 * look the same: what bytes hash to as stored, what a layer hashes to uncompressed, what a stack of layers hashes to.
 * Each has its own brand, so that passing one for another does not compile.
 */
import { createHash } from 'node:crypto'
import { UtsuwaError } from '../errors.ts'

declare const kind: unique symbol
type Branded<Kind> = string & { readonly [kind]: Kind }

/** `sha256:…` of stored bytes: a manifest, an image config, a layer as the registry serves it. */
export type Digest = Branded<'Digest'>
/** `sha256:…` of an uncompressed layer. */
export type DiffId = Branded<'DiffId'>
/** `sha256:…` of an applied stack of layers. */
export type ChainId = Branded<'ChainId'>

export type AnyDigest = Digest | DiffId | ChainId

export type DigestAlgorithm = 'sha256' | 'sha512'

const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/

/** True for `sha256:` or `sha512:` and as many lower-case hexadecimal digits as the algorithm has. */
export function isDigest(text: string): text is Digest {
  return DIGEST.test(text)
}

/** @throws UtsuwaError INVALID_ARGUMENT when `text` is no digest */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text
  throw new UtsuwaError('INVALID_ARGUMENT', `${JSON.stringify(text)} is not a sha256 or sha512 digest`)
}

export function algorithmOf(digest: AnyDigest): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256'
}

/** The hexadecimal digits, which name files and directories of the store. */
export function hexOf(digest: AnyDigest): string {
  return digest.slice(digest.indexOf(':') + 1)
}

export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest
}

/** The chain id of each stack, from the lowest layer alone to all of them (image-spec config.md, "Layer ChainID"). */
export function chainIdsOf(diffIds: readonly DiffId[]): ChainId[] {
  const chainIds: ChainId[] = []
  for (const diffId of diffIds) {
    const parent = chainIds.at(-1)
    const chainId = parent === undefined ? diffId : digestOf(Buffer.from(`${parent} ${diffId}`))
    chainIds.push(chainId as string as ChainId)
  }
  return chainIds
}
