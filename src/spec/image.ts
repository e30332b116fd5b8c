/**
 * OCI image-spec 1.1 and its older docker twins: index → manifest → image config + layers.
 *
 * The parsers take bytes that a registry sent. They are bounded, they keep only members named here, and what they
 * return has no inherited members a document could have planted (`__proto__` is a key like any other).
 */
import { UtsuwaError } from '../errors.ts'
import { type DiffId, type Digest, isDigest } from './digest.ts'
import { parseJson } from './json.ts'
import {
  array,
  boolean,
  integer,
  type Members,
  object,
  optional,
  type Reader,
  record,
  specError,
  string,
  stringThat,
} from './readers.ts'

export {
  type AnyDigest,
  algorithmOf,
  type ChainId,
  chainIdsOf,
  type DiffId,
  type Digest,
  type DigestAlgorithm,
  digestOf,
  hexOf,
  isDigest,
  parseDigest,
} from './digest.ts'

export const MEDIA_TYPE = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
} as const

/** Upper bound of an index or manifest; distribution-spec asks registries to take 4 MiB. */
export const MAX_MANIFEST_SIZE = 4 * 1024 * 1024
/** Upper bound of an image config. */
export const MAX_CONFIG_SIZE = 8 * 1024 * 1024
/** Overlayfs stacks no more than 500 lower layers. */
export const MAX_LAYERS = 500

/** What a machine must be to run an image (image-spec, "Image Index", `platform`). */
export interface Platform {
  os: string
  architecture: string
  variant?: string
}

/** What refers to a blob (image-spec descriptor.md). */
export interface Descriptor {
  mediaType: string
  digest: Digest
  /** Bytes. */
  size: number
  annotations?: Record<string, string>
  platform?: Platform
  /** Places outside the registry that claim to have the blob; never followed. */
  urls?: string[]
  artifactType?: string
}

export interface ImageIndex {
  schemaVersion: 2
  mediaType?: string
  manifests: Descriptor[]
  annotations?: Record<string, string>
}

export interface ImageManifest {
  schemaVersion: 2
  mediaType?: string
  artifactType?: string
  config: Descriptor
  layers: Descriptor[]
  /** The manifest that this one says something about: it is one of its referrers. */
  subject?: Descriptor
  annotations?: Record<string, string>
}

/** What a container made from the image runs, and how; the member names are the specification's. */
export interface ImageRunConfig {
  User?: string
  ExposedPorts?: Record<string, unknown>
  Env?: string[]
  Entrypoint?: string[]
  Cmd?: string[]
  Volumes?: Record<string, unknown>
  WorkingDir?: string
  Labels?: Record<string, string>
  StopSignal?: string
}

export interface ImageHistory {
  created?: string
  created_by?: string
  author?: string
  comment?: string
  empty_layer?: boolean
}

/** An image config (image-spec, "Image Configuration"). */
export interface ImageConfig extends Platform {
  created?: string
  author?: string
  config?: ImageRunConfig
  rootfs: { type: 'layers'; diff_ids: DiffId[] }
  history?: ImageHistory[]
}

const digest = stringThat('a sha256 or sha512 digest', isDigest) as Reader<Digest>
const diffId = digest as Reader<string> as Reader<DiffId>
const size = integer(0, Number.MAX_SAFE_INTEGER)
const annotations = record(string)
const anything: Reader<unknown> = { expected: 'any value', read: value => value }
const schemaVersion: Reader<2> = {
  expected: '2',
  read(value, pointer) {
    if (value !== 2) throw specError(`must be 2, found ${JSON.stringify(value)}`, pointer)
    return value
  },
}

const platformMembers: Members<Platform> = { os: string, architecture: string, variant: optional(string) }

const descriptor = object<Descriptor>({
  mediaType: string,
  digest,
  size,
  annotations: optional(annotations),
  platform: optional(object(platformMembers)),
  urls: optional(array(string)),
  artifactType: optional(string),
})

const imageIndex = object<ImageIndex>({
  schemaVersion,
  mediaType: optional(string),
  manifests: array(descriptor),
  annotations: optional(annotations),
})

const imageManifest = object<ImageManifest>(
  {
    schemaVersion,
    mediaType: optional(string),
    artifactType: optional(string),
    config: descriptor,
    layers: array(descriptor),
    subject: optional(descriptor),
    annotations: optional(annotations),
  },
  ({ layers }, pointer) => {
    if (layers.length > MAX_LAYERS) throw specError(`has ${layers.length} layers, more than ${MAX_LAYERS}`, pointer)
  },
)

const imageConfig = object<ImageConfig>({
  ...platformMembers,
  created: optional(string),
  author: optional(string),
  config: optional(
    object<ImageRunConfig>({
      User: optional(string),
      ExposedPorts: optional(record(anything)),
      Env: optional(array(string)),
      Entrypoint: optional(array(string)),
      Cmd: optional(array(string)),
      Volumes: optional(record(anything)),
      WorkingDir: optional(string),
      Labels: optional(record(string)),
      StopSignal: optional(string),
    }),
  ),
  rootfs: object<ImageConfig['rootfs']>({
    type: stringThat('"layers"', type => type === 'layers') as Reader<'layers'>,
    diff_ids: array(diffId),
  }),
  history: optional(
    array(
      object<ImageHistory>({
        created: optional(string),
        created_by: optional(string),
        author: optional(string),
        comment: optional(string),
        empty_layer: optional(boolean),
      }),
    ),
  ),
})

/** An image manifest, or an index that leads to several. */
export type ManifestDocument = { kind: 'index'; index: ImageIndex } | { kind: 'manifest'; manifest: ImageManifest }

/**
 * Reads an index or a manifest, and tells which one it is by what it contains.
 *
 * A document that could be read as both is refused: two readers that choose differently would see different images
 * under one digest (CVE-2021-41190).
 *
 * @param mediaType what the registry or the descriptor says it is; must agree with the content
 * @throws UtsuwaError INVALID_SPEC with a JSON pointer, UNSUPPORTED_MEDIA_TYPE, LIMIT_EXCEEDED
 */
export function parseManifestDocument(bytes: Uint8Array, mediaType?: string): ManifestDocument {
  const json = parseBounded(bytes, MAX_MANIFEST_SIZE, 'manifest')
  const members = typeof json === 'object' && json !== null ? json : {}
  if ('schemaVersion' in members && members.schemaVersion === 1) {
    throw new UtsuwaError('UNSUPPORTED_MEDIA_TYPE', 'docker image manifest schema 1 is not supported', {
      hint: 'push the image again with a current tool, which writes schema 2 or OCI manifests',
    })
  }
  const isIndex = Object.hasOwn(members, 'manifests')
  if (isIndex && (Object.hasOwn(members, 'layers') || Object.hasOwn(members, 'config'))) {
    throw specError('has both manifests and layers, so it is ambiguous', '')
  }
  for (const claimed of [mediaType, 'mediaType' in members ? members.mediaType : undefined]) {
    const expected = claimed === undefined ? undefined : KIND_OF_MEDIA_TYPE.get(String(claimed))
    if (expected !== undefined && expected !== (isIndex ? 'index' : 'manifest')) {
      throw specError(
        `says it is ${String(claimed)} but contains ${isIndex ? 'manifests' : 'no manifests'}`,
        '/mediaType',
      )
    }
  }
  if (isIndex) return { kind: 'index', index: imageIndex.read(json, '') }
  return { kind: 'manifest', manifest: imageManifest.read(json, '') }
}

const KIND_OF_MEDIA_TYPE = new Map<string, 'index' | 'manifest'>([
  [MEDIA_TYPE.ociIndex, 'index'],
  [MEDIA_TYPE.dockerList, 'index'],
  [MEDIA_TYPE.ociManifest, 'manifest'],
  [MEDIA_TYPE.dockerManifest, 'manifest'],
])

/** @throws UtsuwaError INVALID_SPEC with a JSON pointer, LIMIT_EXCEEDED */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  return imageConfig.read(parseBounded(bytes, MAX_CONFIG_SIZE, 'image config'), '')
}

/** @throws UtsuwaError INVALID_SPEC with a JSON pointer, LIMIT_EXCEEDED */
export function parseImageIndex(bytes: Uint8Array): ImageIndex {
  return imageIndex.read(parseBounded(bytes, MAX_MANIFEST_SIZE, 'index'), '')
}

function parseBounded(bytes: Uint8Array, limit: number, what: string): unknown {
  if (bytes.length > limit) {
    throw new UtsuwaError('LIMIT_EXCEEDED', `${bytes.length} bytes, the limit is ${limit}`, {
      operation: `parse ${what}`,
    })
  }
  return parseJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'), what)
}
