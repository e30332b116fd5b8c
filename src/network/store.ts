/**
 * Networks of the store, one file each:
 *
 *     networks/NAME.conflist  a CNI network configuration list; people may put one of their own there
 *     networks/.lock          held by who makes or removes a network, or chooses ports
 *     networks/.hosts         held by who writes the names of containers for others
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { acquireLock } from '../content/lock.ts'
import { storeError } from '../content/paths.ts'
import { UtsuwaError } from '../errors.ts'
import { isErrno } from '../util/errno.ts'
import type { Conflist } from './conflist.ts'

/** The network that containers are connected to when they do not say another. It is made when it is first needed. */
export const DEFAULT_NETWORK = 'bridge'

const SUFFIX = '.conflist'
/** Suffix of what is written aside, to be renamed into place. */
const UNFINISHED = '.conflist.new'

const networksPath = (root: string): string => resolve(root, 'networks')
const networkPath = (root: string, name: string): string => join(networksPath(root), `${name}${SUFFIX}`)

/** @throws UtsuwaError NOT_ROOT, NO_SPACE, ABORTED */
export async function lockNetworks(root: string, signal?: AbortSignal): Promise<AsyncDisposable> {
  const held = await lock(root, '.lock', signal)
  // Only the holder writes: what is aside was left by one that was killed, or that had no room.
  await removeUnfinished(root)
  return held
}

/** @throws UtsuwaError NOT_ROOT, NO_SPACE */
export function lockHosts(root: string): Promise<AsyncDisposable> {
  return lock(root, '.hosts')
}

async function lock(root: string, name: string, signal?: AbortSignal): Promise<AsyncDisposable> {
  try {
    await mkdir(root, { recursive: true, mode: 0o711 })
    await mkdir(networksPath(root), { recursive: true, mode: 0o700 })
    return await acquireLock(join(networksPath(root), name), 'exclusive', signal)
  } catch (error) {
    throw storeError(error, 'lock networks')
  }
}

async function removeUnfinished(root: string): Promise<void> {
  const files = await readdir(networksPath(root))
  for (const file of files) if (file.endsWith(UNFINISHED)) await rm(join(networksPath(root), file), { force: true })
}

/** Undefined when there is none. @throws UtsuwaError INVALID_SPEC for a file that is no configuration list */
export async function findNetwork(root: string, name: string): Promise<Conflist | undefined> {
  const path = networkPath(root, name)
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return undefined
    throw storeError(error, `read ${path}`)
  })
  return text === undefined ? undefined : parseConflist(text, name, path)
}

function parseConflist(text: string, name: string, path: string): Conflist {
  const invalid = (reason: string, cause?: unknown) =>
    new UtsuwaError('INVALID_SPEC', reason, { operation: `read network ${name}`, path, cause })
  let conflist: Partial<Conflist>
  try {
    conflist = JSON.parse(text)
  } catch (cause) {
    throw invalid('it is not JSON', cause)
  }
  const { plugins, cniVersion = '0.3.1' } = conflist
  if (!Array.isArray(plugins) || plugins.length === 0 || plugins.some(plugin => typeof plugin?.type !== 'string'))
    throw invalid('it has no list of plugins with their types')
  // What the file is called counts: that is what people say.
  return { ...conflist, plugins, cniVersion, name }
}

/** @throws UtsuwaError NETWORK_NOT_FOUND */
export async function readNetwork(root: string, name: string): Promise<Conflist> {
  const network = /^[\w.-]+$/.test(name) ? await findNetwork(root, name) : undefined
  if (network !== undefined) return network
  throw new UtsuwaError('NETWORK_NOT_FOUND', `no network has the name ${JSON.stringify(name)}`, {
    hint: `utsuwa network create ${/^[\w.-]+$/.test(name) ? name : 'NAME'}`,
  })
}

/** By name. */
export async function listNetworks(root: string): Promise<Conflist[]> {
  const files = await readdir(networksPath(root)).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return []
    throw storeError(error, 'list networks')
  })
  const names = files.filter(file => file.endsWith(SUFFIX)).map(file => file.slice(0, -SUFFIX.length))
  const found = await Promise.all(names.sort().map(name => findNetwork(root, name)))
  return found.filter(network => network !== undefined)
}

/** The caller holds the lock. */
export async function writeNetwork(root: string, conflist: Conflist): Promise<void> {
  const path = networkPath(root, conflist.name)
  try {
    await writeFile(`${path}.new`, `${JSON.stringify(conflist, null, 2)}\n`, { mode: 0o600 })
    await rename(`${path}.new`, path)
  } catch (error) {
    throw storeError(error, `write network ${conflist.name}`)
  }
}

/** The caller holds the lock. Idempotent. */
export async function removeNetworkFile(root: string, name: string): Promise<void> {
  await rm(networkPath(root, name), { force: true })
}
