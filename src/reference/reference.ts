/**
 * Image names: `alpine`, `localhost:5000/team/app:1.2`, `ghcr.io/a/b@sha256:…`.
 *
 * The grammar is the one of distribution's reference package, which every engine follows, with docker's short forms:
 * no registry means docker.io, one component on docker.io means `library/`, neither tag nor digest means `latest`.
 */
import { UtsuwaError } from '../errors.ts'
import { type Digest, isDigest } from '../spec/digest.ts'

export interface Reference {
  /** Host and optional port as people write them: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  registry: string
  /** `library/alpine` */
  repository: string
  /** Absent when only a digest was given. */
  tag?: string
  digest?: Digest
}

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const REPOSITORY = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`)
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const HOST =
  /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*)(?::\d{1,5})?$/
const HUB = 'docker.io'
const HUB_NAMES: ReadonlySet<string> = new Set([HUB, 'index.docker.io', 'registry-1.docker.io'])
/** Length of registry and repository together, as in the distribution specification. */
const MAX_NAME_LENGTH = 255

/** @throws UtsuwaError INVALID_REFERENCE that names the part which is wrong */
export function parseReference(text: string): Reference {
  const invalid = (reason: string, hint?: string) =>
    new UtsuwaError('INVALID_REFERENCE', reason, {
      operation: `parse image reference ${JSON.stringify(text)}`,
      ...(hint === undefined ? {} : { hint }),
    })
  if (text === '') throw invalid('it is empty')
  const [beforeDigest, digest, ...more] = text.split('@') as [string, ...string[]]
  if (more.length > 0) throw invalid('more than one @')
  if (digest !== undefined && !isDigest(digest)) throw invalid('what follows @ is not a sha256 or sha512 digest')
  const { registry, path } = splitRegistry(beforeDigest)
  if (!HOST.test(registry)) throw invalid(`${JSON.stringify(registry)} is not a registry host`)
  const colon = path.indexOf(':')
  const name = colon < 0 ? path : path.slice(0, colon)
  const tag = colon < 0 ? undefined : path.slice(colon + 1)
  if (tag !== undefined && !TAG.test(tag)) throw invalid(`${JSON.stringify(tag)} is not a tag`)
  if (!REPOSITORY.test(name)) {
    const lower = name.toLowerCase()
    throw invalid(
      `${JSON.stringify(name)} is not a repository name`,
      lower !== name && REPOSITORY.test(lower) ? `repository names are lower case: ${lower}` : undefined,
    )
  }
  const repository = registry === HUB && !name.includes('/') ? `library/${name}` : name
  if (registry.length + 1 + repository.length > MAX_NAME_LENGTH) {
    throw invalid(`registry and repository are longer than ${MAX_NAME_LENGTH} characters`)
  }
  const effectiveTag = tag ?? (digest === undefined ? 'latest' : undefined)
  return {
    registry,
    repository,
    ...(effectiveTag === undefined ? {} : { tag: effectiveTag }),
    ...(digest === undefined ? {} : { digest }),
  }
}

/**
 * A registry alone, as in a reference; docker's names for Docker Hub, and URLs of registries, mean the same.
 *
 * @throws UtsuwaError INVALID_REFERENCE
 */
export function parseRegistry(text: string): string {
  const host = text.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '')
  if (HUB_NAMES.has(host)) return HUB
  if (HOST.test(host)) return host
  throw new UtsuwaError('INVALID_REFERENCE', 'it is not a host, such as ghcr.io or localhost:5000', {
    operation: `parse registry ${JSON.stringify(text)}`,
  })
}

/** The first component is a registry only where no repository could be called so: it has a dot, a colon, or is localhost. */
function splitRegistry(name: string): { registry: string; path: string } {
  const slash = name.indexOf('/')
  const first = name.slice(0, slash)
  if (slash < 0 || !(first.includes('.') || first.includes(':') || first === 'localhost')) {
    return { registry: HUB, path: name }
  }
  return { registry: HUB_NAMES.has(first) ? HUB : first, path: name.slice(slash + 1) }
}

/** The full form, which parses to the same reference: `docker.io/library/alpine:latest`. */
export function formatReference({ registry, repository, tag, digest }: Reference): string {
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
}

/** What a registry is asked for: the digest where there is one, because a tag can move. */
export function identifierOf({ tag, digest }: Reference): string {
  return digest ?? tag ?? 'latest'
}
