/** `tag`: one more name for an image. */
import { REF_NAME, updateIndex } from '../content/index-file.ts'
import { UtsuwaError } from '../errors.ts'
import { formatReference, parseReference } from '../reference/reference.ts'
import { withEntry } from './add.ts'
import { type Image, loadImage, resolveEntries } from './image.ts'

/**
 * Gives an image another name; an image that has it loses it.
 *
 * @param source name, id or its beginning, or manifest digest
 * @param name the new name, such as `registry.example/team/app:1.2`; `:latest` where it has no tag
 * @throws UtsuwaError IMAGE_NOT_FOUND, INVALID_REFERENCE
 */
export async function tag(root: string, source: string, name: string): Promise<Image> {
  const { entries } = await resolveEntries(root, source)
  const { digest, mediaType, size, platform } = entries[0]
  const entry = {
    mediaType,
    digest,
    size,
    annotations: { [REF_NAME]: taggedName(name) },
    ...(platform === undefined ? {} : { platform }),
  }
  await updateIndex(root, all => {
    // Looked up again, now that it cannot be removed.
    if (all.some(other => other.digest === digest)) return withEntry(all, entry)
    throw new UtsuwaError('IMAGE_NOT_FOUND', 'it was removed in the meantime', { operation: `tag image ${source}` })
  })
  return loadImage(root, entry)
}

/** @throws UtsuwaError INVALID_REFERENCE for what is no name, or one by digest: a digest is not given, it is computed */
export function taggedName(text: string): string {
  const reference = parseReference(text)
  if (reference.digest === undefined) return formatReference(reference)
  throw new UtsuwaError('INVALID_REFERENCE', 'a new name has a tag, not a digest', {
    operation: `parse image reference ${JSON.stringify(text)}`,
  })
}
