/** User names and passwords for registries, where docker and podman keep them. */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import { isErrno } from '../util/errno.ts'
import { askHelper } from './credential-helper.ts'

/** A user name and password, or a token, for a registry. */
export type Credentials =
  | { kind: 'password'; username: string; password: string }
  /** An OAuth2 refresh token that the token service changes into an access token. */
  | { kind: 'identityToken'; token: string }

export interface AuthEntry {
  auth?: string
  identitytoken?: string
  username?: string
  password?: string
}

/** docker's config.json and podman's auth.json; both may hold more, which is left as it is. */
export interface AuthFile {
  auths?: Record<string, AuthEntry>
  credHelpers?: Record<string, string>
  credsStore?: string
}

export interface FindOptions {
  /** Repositories may have credentials of their own, in podman's files. */
  repository?: string | undefined
  /** The only file that is read. */
  authFile?: string | undefined
  /** Default: this process's. */
  env?: NodeJS.ProcessEnv
}

/** Docker's key for Docker Hub. */
const DOCKER_HUB_KEY = 'https://index.docker.io/v1/'

/** The name under which a registry's credentials are written. */
export function keyOf(registry: string): string {
  return registry === 'docker.io' ? DOCKER_HUB_KEY : registry
}

/**
 * The credentials for a registry, or undefined for anonymous access: from `$REGISTRY_AUTH_FILE`, `$DOCKER_CONFIG` or
 * `~/.docker`, and podman's auth.json, in that order. In each file a helper for the registry comes before the common
 * store, and that before the passwords in the file.
 *
 * @throws UtsuwaError REGISTRY_UNAUTHORIZED when a file or a helper exists but does not work
 */
export async function findCredentials(
  registry: string,
  { repository, authFile, env = process.env }: FindOptions = {},
): Promise<Credentials | undefined> {
  for (const path of authFile === undefined ? authFiles(env) : [authFile]) {
    const file = await readAuthFile(path)
    const found = file === undefined ? undefined : await lookUp(file, registry, repository)
    if (found !== undefined) return found
  }
  return undefined
}

/** Where credentials are looked for, and the first of them is where docker would write them. */
export function authFiles(env: NodeJS.ProcessEnv): string[] {
  const home = env.HOME ?? homedir()
  const runtime = env.XDG_RUNTIME_DIR ?? `/run/containers/${process.getuid?.() ?? 0}`
  return [
    ...(env.REGISTRY_AUTH_FILE ? [env.REGISTRY_AUTH_FILE] : []),
    join(env.DOCKER_CONFIG || join(home, '.docker'), 'config.json'),
    join(runtime, env.XDG_RUNTIME_DIR === undefined ? 'auth.json' : 'containers/auth.json'),
    join(env.XDG_CONFIG_HOME || join(home, '.config'), 'containers/auth.json'),
  ]
}

/** Undefined where there is no such file. @throws UtsuwaError REGISTRY_UNAUTHORIZED */
export async function readAuthFile(path: string): Promise<AuthFile | undefined> {
  try {
    const text = await readFile(path, 'utf8')
    const json: unknown = text.trim() === '' ? {} : JSON.parse(text)
    if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Error('it is no JSON object')
    return json
  } catch (cause) {
    if (isErrno(cause, 'ENOENT') || isErrno(cause, 'ENOTDIR')) return undefined
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new UtsuwaError('REGISTRY_UNAUTHORIZED', reason, { operation: `read credentials from ${path}`, path, cause })
  }
}

/** The helper that a file names for a registry, if any. */
export function helperFor({ credHelpers, credsStore }: AuthFile, registry: string): string | undefined {
  return credHelpers?.[registry] || credHelpers?.[keyOf(registry)] || credsStore || undefined
}

async function lookUp(
  file: AuthFile,
  registry: string,
  repository: string | undefined,
): Promise<Credentials | undefined> {
  const helper = helperFor(file, registry)
  const fromHelper = helper === undefined ? undefined : await askHelper(helper, keyOf(registry))
  if (fromHelper !== undefined) return fromHelper
  const entry = entryFor(file.auths ?? {}, registry, repository)
  if (entry === undefined) return undefined
  if (entry.identitytoken) return { kind: 'identityToken', token: entry.identitytoken }
  const decoded = Buffer.from(entry.auth ?? '', 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  if (colon > 0) return { kind: 'password', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) }
  const { username, password } = entry
  return username && password ? { kind: 'password', username, password } : undefined
}

/** The entry for the repository, for what it lies in, or for the whole registry: the longest that fits. */
function entryFor(
  auths: Record<string, AuthEntry>,
  registry: string,
  repository: string | undefined,
): AuthEntry | undefined {
  const parts = repository?.split('/') ?? []
  for (let length = parts.length; length > 0; length--) {
    const entry = auths[`${registry}/${parts.slice(0, length).join('/')}`]
    if (entry !== undefined) return entry
  }
  return Object.entries(auths).find(([key]) => isKeyOf(key, registry))?.[1]
}

/** Old entries are URLs: `https://host:port/v1/`. */
export function isKeyOf(key: string, registry: string): boolean {
  const host = key.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '')
  return (host === 'index.docker.io' ? 'docker.io' : host) === registry
}
