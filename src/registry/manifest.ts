/** What a registry has under a name, without pulling it. */
import { parseReference } from '../reference/reference.ts'
import { type Digest, parseManifestDocument } from '../spec/image.ts'
import { parseJson } from '../spec/json.ts'
import { RegistryClient, type RegistryOptions } from './client.ts'

/** A manifest, or an index of them, as a registry has it. */
export interface RegistryManifest {
  readonly digest: Digest
  /** As the registry states it. */
  readonly mediaType: string | undefined
  /** The document, with what utsuwa does not know of, too (image-spec, "Image Manifest" and "Image Index"). */
  readonly document: unknown
}

/**
 * The manifest or index that a name stands for in its registry.
 *
 * @throws UtsuwaError INVALID_REFERENCE, IMAGE_NOT_FOUND, DIGEST_MISMATCH, INVALID_SPEC, UNSUPPORTED_MEDIA_TYPE,
 *   LIMIT_EXCEEDED, REGISTRY_*
 */
export async function inspectManifest(name: string, options: RegistryOptions = {}): Promise<RegistryManifest> {
  const reference = parseReference(name)
  await using client = await RegistryClient.open(reference.registry, options)
  const { bytes, digest, mediaType } = await client.fetchManifest(reference)
  parseManifestDocument(bytes, mediaType)
  return { digest, mediaType, document: parseJson(bytes.toString(), `manifest of ${name}`) }
}
