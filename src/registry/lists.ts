/** What a registry lists: the tags of a repository, and what refers to a manifest. */
import { isUtsuwaError, UtsuwaError } from '../errors.ts'
import { parseReference, type Reference } from '../reference/reference.ts'
import {
  algorithmOf,
  type Descriptor,
  type Digest,
  digestOf,
  hexOf,
  type ManifestDocument,
  MEDIA_TYPE,
  parseImageIndex,
  parseManifestDocument,
} from '../spec/image.ts'
import { pullScope, RegistryClient, type RegistryOptions } from './client.ts'
import { statusError } from './errors.ts'
import type { Response } from './transport.ts'

/** Asked for; registries may send fewer. */
const PAGE_SIZE = 1000
const MAX_PAGES = 1000

/**
 * The tags of a repository.
 *
 * @param name `alpine`, `localhost:5000/team/app`
 * @throws UtsuwaError INVALID_REFERENCE, IMAGE_NOT_FOUND, LIMIT_EXCEEDED, REGISTRY_*
 */
export async function tags(name: string, options: RegistryOptions = {}): Promise<string[]> {
  const { registry, repository } = parseReference(name)
  await using client = await RegistryClient.open(registry, options)
  return await listTags(client, repository)
}

/** Options of `referrers`. */
export interface ReferrersOptions extends RegistryOptions {
  /** Only those of this type. */
  artifactType?: string
}

/**
 * What refers to an image or index: signatures, attestations, bills of materials.
 *
 * @throws UtsuwaError INVALID_REFERENCE, IMAGE_NOT_FOUND, INVALID_SPEC, LIMIT_EXCEEDED, REGISTRY_*
 */
export async function referrers(name: string, options: ReferrersOptions = {}): Promise<Descriptor[]> {
  const reference = parseReference(name)
  await using client = await RegistryClient.open(reference.registry, options)
  const digest = reference.digest ?? (await client.fetchManifest(reference)).digest
  return await listReferrers(client, reference, digest, options.artifactType)
}

/** The tags of a repository, page after page, as the registry orders them. @throws UtsuwaError REGISTRY_*, LIMIT_EXCEEDED */
export async function listTags(client: RegistryClient, repository: string): Promise<string[]> {
  const path = `${repository}/tags/list`
  const tags: string[] = []
  for await (const { response, body } of pages(client, repository, path, `?n=${PAGE_SIZE}`)) {
    if (response.status !== 200) throw statusError(response, body.toString(), 'IMAGE_NOT_FOUND')
    tags.push(...tagsIn(body, path))
  }
  return tags
}

/**
 * The manifests whose subject is this one: signatures, attestations, bills of materials (distribution-spec, "Listing
 * Referrers"). Of a registry without that API, those that are listed under the tag that stands in for it.
 *
 * @param artifactType only those of this type
 * @throws UtsuwaError REGISTRY_*, INVALID_SPEC, LIMIT_EXCEEDED
 */
export async function listReferrers(
  client: RegistryClient,
  { registry, repository }: Pick<Reference, 'registry' | 'repository'>,
  digest: Digest,
  artifactType?: string,
): Promise<Descriptor[]> {
  const query = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`
  const found: Descriptor[] = []
  for await (const { response, body } of pages(client, repository, `${repository}/referrers/${digest}`, query)) {
    if (response.status === 404) {
      found.push(...(await taggedReferrers(client, { registry, repository, tag: referrersTag(digest) })))
      break
    }
    if (response.status !== 200) throw statusError(response, body.toString(), 'IMAGE_NOT_FOUND')
    found.push(...parseImageIndex(body).manifests)
  }
  // A registry may ignore the filter.
  return found.filter(entry => artifactType === undefined || entry.artifactType === artifactType)
}

/**
 * Adds a manifest to the tag that stands in for the referrers API, as a client that pushes to a registry without it must
 * (distribution-spec, "Pushing Manifests with Subject"). Of two who do it at the same moment one may be lost.
 *
 * @throws UtsuwaError REGISTRY_*
 */
export async function addReferrer(
  client: RegistryClient,
  { registry, repository }: Pick<Reference, 'registry' | 'repository'>,
  subject: Digest,
  referrer: Descriptor,
): Promise<void> {
  const tag = referrersTag(subject)
  const present = await taggedReferrers(client, { registry, repository, tag })
  if (present.some(({ digest }) => digest === referrer.digest)) return
  const manifests = [...present, referrer]
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests }))
  await client.pushManifest(repository, tag, { bytes, digest: digestOf(bytes), mediaType: MEDIA_TYPE.ociIndex })
}

/** distribution-spec, "Referrers Tag Schema": the digest as a tag, which has no colon and no more than 128 characters. */
function referrersTag(digest: Digest): string {
  return `${algorithmOf(digest).slice(0, 32)}-${hexOf(digest).slice(0, 64)}`
}

async function taggedReferrers(client: RegistryClient, reference: Reference): Promise<Descriptor[]> {
  let document: ManifestDocument
  try {
    const { bytes, mediaType } = await client.fetchManifest(reference)
    document = parseManifestDocument(bytes, mediaType)
  } catch (error) {
    if (isUtsuwaError(error, 'IMAGE_NOT_FOUND')) return []
    throw error
  }
  return document.kind === 'index' ? document.index.manifests : []
}

/** Answers to `path` and to the pages after it, which the Link header of each leads to (RFC 8288). */
async function* pages(
  client: RegistryClient,
  repository: string,
  path: string,
  firstQuery: string,
): AsyncGenerator<{ response: Response; body: Buffer }> {
  const operation = `list ${path}`
  let query = firstQuery
  for (let page = 0; page < MAX_PAGES; page++) {
    const { response, body } = await client.readDocument('resolve', `${path}${query}`, pullScope(repository))
    yield { response, body }
    const next = /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(response.header('link') ?? '')?.[1]
    if (next === undefined) return
    // Only what comes after the question mark counts: a registry has no say in who is asked.
    query = URL.parse(next, response.url)?.search ?? ''
  }
  throw new UtsuwaError('LIMIT_EXCEEDED', `more than ${MAX_PAGES} pages`, { operation })
}

function tagsIn(body: Buffer, path: string): string[] {
  try {
    const { tags } = JSON.parse(body.toString()) as { tags?: unknown }
    // Go writes an empty list as null.
    const list = tags ?? []
    if (Array.isArray(list) && list.every(tag => typeof tag === 'string')) return list
  } catch {
    // Told below.
  }
  throw new UtsuwaError('REGISTRY_ERROR', 'its answer is no list of tags', { operation: `list ${path}` })
}
