/** Credentials into docker's and podman's files, or into the keychain that these name, and out of them. */
import { randomBytes } from 'node:crypto'
import { mkdir, open, realpath, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import { parseRegistry } from '../reference/reference.ts'
import { isErrno } from '../util/errno.ts'
import { RegistryClient, type RegistryOptions } from './client.ts'
import { eraseFromHelper, storeInHelper } from './credential-helper.ts'
import {
  type AuthEntry,
  type AuthFile,
  authFiles,
  type Credentials,
  helperFor,
  isKeyOf,
  keyOf,
  readAuthFile,
} from './credentials.ts'

/** Options of `login` and `logout`. */
export interface LoginOptions extends Omit<RegistryOptions, 'credentials'> {
  /** The file to write. Default: `$REGISTRY_AUTH_FILE`, or docker's config.json. */
  authFile?: string
}

/** Credentials that a registry has accepted. */
export interface Login {
  /** As in a reference. */
  readonly registry: string
  /** A file, or `docker-credential-…`. */
  readonly storedIn: string
}

/**
 * Asks the registry whether it knows the credentials, and keeps them when it does.
 *
 * @param name of the registry: host and optional port, or a URL
 * @throws UtsuwaError REGISTRY_UNAUTHORIZED when they are wrong or cannot be kept, INVALID_REFERENCE, REGISTRY_*
 */
export async function login(name: string, credentials: Credentials, options: LoginOptions = {}): Promise<Login> {
  const registry = parseRegistry(name)
  await using client = await RegistryClient.open(registry, { ...options, credentials: async () => credentials })
  await client.checkAccess()
  const path = options.authFile ?? authFiles(process.env)[0]!
  const file = (await readAuthFile(path)) ?? {}
  const helper = helperFor(file, registry)
  if (helper !== undefined) {
    await storeInHelper(helper, keyOf(registry), credentials)
    return { registry, storedIn: `docker-credential-${helper}` }
  }
  const auths = { ...withoutRegistry(file.auths, registry), [keyOf(registry)]: entryOf(credentials) }
  await writeAuthFile(path, { ...file, auths })
  return { registry, storedIn: path }
}

/**
 * Forgets the credentials of a registry, wherever they are found.
 *
 * @returns where they were: files, or `docker-credential-…`
 * @throws UtsuwaError REGISTRY_UNAUTHORIZED when a file or helper does not work, INVALID_REFERENCE
 */
export async function logout(name: string, { authFile }: Pick<LoginOptions, 'authFile'> = {}): Promise<string[]> {
  const registry = parseRegistry(name)
  const removedFrom: string[] = []
  for (const path of authFile === undefined ? authFiles(process.env) : [authFile]) {
    const file = await readAuthFile(path)
    if (file === undefined) continue
    const helper = helperFor(file, registry)
    if (helper !== undefined && (await eraseFromHelper(helper, keyOf(registry)))) {
      removedFrom.push(`docker-credential-${helper}`)
    }
    if (!Object.keys(file.auths ?? {}).some(key => isKeyOf(key, registry))) continue
    await writeAuthFile(path, { ...file, auths: withoutRegistry(file.auths, registry) })
    removedFrom.push(path)
  }
  return removedFrom
}

function withoutRegistry(auths: AuthFile['auths'] = {}, registry: string): Record<string, AuthEntry> {
  return Object.fromEntries(Object.entries(auths).filter(([key]) => !isKeyOf(key, registry)))
}

function entryOf(credentials: Credentials): AuthEntry {
  if (credentials.kind === 'identityToken') return { identitytoken: credentials.token }
  return { auth: Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64') }
}

/** Whole or not at all, and readable by its owner alone from its first byte on. */
async function writeAuthFile(path: string, file: AuthFile): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    // People link this file into a directory that they keep elsewhere; the link stays.
    const target = await realpath(path).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return path
      throw error
    })
    const temporary = join(dirname(target), `.auth-${randomBytes(8).toString('hex')}`)
    try {
      await using handle = await open(temporary, 'wx', 0o600)
      await handle.writeFile(`${JSON.stringify(file, undefined, '\t')}\n`)
      await handle.sync()
      await rename(temporary, target)
    } finally {
      await rm(temporary, { force: true })
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new UtsuwaError('REGISTRY_UNAUTHORIZED', reason, { operation: `write credentials to ${path}`, path, cause })
  }
}
