/** `cp`: files between a container, running or not, and this machine, by docker's rules of what goes where. */
import { closeSync, constants as fsConstants, fstatSync, openSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { isUtsuwaError, UtsuwaError } from '../../errors.ts'
import { containersDirectory, resolveContainer } from '../../runtime/state/names.ts'
import { type ContainerRecord, lockContainer, readRecord } from '../../runtime/state/record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { isAlive } from '../../runtime/state/status.ts'
import { constants, sys } from '../../sys/index.ts'
import { errnos } from '../../util/errno.ts'
import { scopedFd } from '../../util/scoped-fd.ts'
import { readArchive } from '../files/archive.ts'
import { type Archive, openInside, openRootOfContainer, ownersOf, writeArchive } from '../files/copy.ts'
import { copyEntries, copyPlace, type TreeOptions } from '../files/copy-tree.ts'
import { type MapOwner, type Owner, RootWriter } from '../files/root-writer.ts'

/** Options of copies by `copyFromContainer` and `copyIntoContainer`. */
export interface CpOptions extends Pick<Roots, 'runRoot'> {
  /** Keep owners as they are; otherwise all is root's in the container, and the caller's here. Default: false. */
  readonly archive?: boolean
  /** Copy what the source leads to, where it is a link. Default: false, the link. */
  readonly followLink?: boolean
  readonly signal?: AbortSignal
}

const INSIDE = constants.RESOLVE_IN_ROOT | constants.RESOLVE_NO_MAGICLINKS
const ALL_BITS = 0o7777
/** A program that a container has made must not run as whoever copied it out. */
const WITHOUT_SET_ID = 0o1777
const ROOT: Owner = { uid: 0, gid: 0 }

/**
 * Copies a file or directory of a container to this machine. What it becomes is docker's rule: below a directory that is
 * there, else under the new name; `path/.` is the content of a directory. Nothing outside of `target` is written to,
 * whatever the container has put there or does meanwhile.
 *
 * @param nameOrId a name, an id, or the beginning of one
 * @param path in the container, where links are followed inside it
 * @throws UtsuwaError CONTAINER_NOT_FOUND; INVALID_ARGUMENT for paths that are not there; UNSUPPORTED for devices and pipes
 */
export async function copyFromContainer(
  nameOrId: string,
  path: string,
  target: string,
  options: CpOptions = {},
): Promise<void> {
  const { archive = false, followLink = false, signal } = options
  await using files = await openFiles(nameOrId, options)
  using source = openSource(files.rootFd, path, followLink, `copy ${path} of container ${nameOrId}`)
  const to = targetOf(source, target, lookHere(target))
  using root = scopedFd(openSync(to.directory, constants.O_DIRECTORY))
  const own = { uid: process.geteuid!(), gid: process.getegid!() }
  const treeOptions = {
    owner: (owner: Owner) => (archive ? owner : own),
    modeMask: archive ? ALL_BITS : WITHOUT_SET_ID,
  }
  // The directory is the root of what is written: the names below it are the container's.
  await copySource(
    source,
    new RootWriter(root.fd),
    { directory: '/', name: to.name },
    { ...treeOptions, ...(signal && { signal }) },
  )
}

/**
 * The same as a tar archive, with names that begin with that of the source.
 * @throws UtsuwaError, from the iteration, as `copyFromContainer`; UNSUPPORTED without GNU tar
 */
export async function* archiveFromContainer(
  nameOrId: string,
  path: string,
  options: Pick<CpOptions, 'runRoot'> = {},
): AsyncGenerator<Buffer, void, undefined> {
  const operation = `copy ${path} of container ${nameOrId}`
  await using files = await openFiles(nameOrId, options)
  using source = openSource(files.rootFd, path, false, operation)
  yield* source.contents ? readArchive(source.fd, operation) : readArchive(source.parentFd, operation, source.name)
}

/**
 * Copies a file or directory of this machine, or the entries of a tar archive, into a container.
 * @param source path, or an archive that is not compressed
 * @param path in the container; for an archive a directory that is there
 * @throws UtsuwaError as `copyFromContainer`; NO_SPACE; CORRUPT_LAYER and UNSAFE_LAYER for the archive
 */
export async function copyIntoContainer(
  nameOrId: string,
  source: string | Archive,
  path: string,
  options: CpOptions = {},
): Promise<void> {
  const { archive = false, followLink = false, signal } = options
  const operation = `copy to ${path} of container ${nameOrId}`
  await using files = await openFiles(nameOrId, options)
  const writer = new RootWriter(files.rootFd, files.owners)
  if (typeof source !== 'string') {
    if (lookInside(files.rootFd, path) !== 'directory')
      throw new UtsuwaError('INVALID_ARGUMENT', 'it is no directory', { operation, path })
    await writeArchive(writer, source, { to: path, ...(signal && { signal }) })
    return
  }
  using here = scopedFd(openSync('/', constants.O_DIRECTORY))
  // With what a path means in this process, `/.` at its end included.
  const absolute = `${resolve(source)}${/\/\.?$/.test(source) ? source.slice(source.lastIndexOf('/')) : ''}`
  using from = openSource(here.fd, absolute, followLink, `copy ${source}`)
  const to = targetOf(from, path, lookInside(files.rootFd, path))
  if (lookInside(files.rootFd, to.directory) !== 'directory')
    throw new UtsuwaError('INVALID_ARGUMENT', `there is no directory ${to.directory}`, { operation, path })
  const owner = (given: Owner): Owner => (archive ? given : ROOT)
  await copySource(from, writer, to, { owner, modeMask: ALL_BITS, ...(signal && { signal }) })
}

interface ContainerFiles extends AsyncDisposable {
  readonly rootFd: number
  readonly owners: MapOwner
}

/** Of one that has ended its own files alone, without what is mounted; nobody starts or removes it meanwhile. */
async function openFiles(nameOrId: string, { runRoot = DEFAULT_RUN_ROOT }: CpOptions): Promise<ContainerFiles> {
  const stateRoot = containersDirectory(runRoot)
  const id = resolveContainer(runRoot, nameOrId)
  const record = readRecord(stateRoot, id)
  if (isAlive(record)) {
    const { fd } = openRootOfContainer(record)
    return { rootFd: fd, owners: ownersOf(record), [Symbol.asyncDispose]: async () => closeSync(fd) }
  }
  const lock = await lockContainer(stateRoot, id)
  try {
    const fd = await openStopped(readRecord(stateRoot, id), nameOrId)
    const dispose = async (): Promise<void> => {
      closeSync(fd)
      lock[Symbol.dispose]()
    }
    return { rootFd: fd, owners: owner => owner, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    lock[Symbol.dispose]()
    throw error
  }
}

async function openStopped(record: ContainerRecord, nameOrId: string): Promise<number> {
  const { id, managed, rootfs } = record
  if (isAlive(record))
    throw new UtsuwaError('CONTAINER_STATE', 'it was started just now', { operation: `copy files of ${nameOrId}` })
  if (managed?.storeRoot === undefined) return openSync(rootfs, constants.O_DIRECTORY)
  const [{ openSnapshot }, { mountOverlay }] = await Promise.all([
    import('../../snapshot/active.ts'),
    import('../../launch/overlay.ts'),
  ])
  return mountOverlay(await openSnapshot(managed.storeRoot, id))
}

interface Source extends Disposable {
  /** With O_PATH. */
  readonly fd: number
  /** Directory that holds it, and its name there. */
  readonly parentFd: number
  readonly name: string
  /** It was named with `/.` behind it: what is in the directory is meant. */
  readonly contents: boolean
}

/** Links on the way are followed inside the root, one at its end only with `followLink`. */
function openSource(rootFd: number, path: string, followLink: boolean, operation: string): Source {
  const { parent, name, contents } = split(path)
  const follow = followLink || contents || path.endsWith('/') ? 0 : fsConstants.O_NOFOLLOW
  const open = (where: string, flags: number): number => openInside(rootFd, where, constants.O_PATH | flags, operation)
  const fd = open(join(parent, name), follow)
  try {
    const parentFd = open(parent, constants.O_DIRECTORY)
    return {
      fd,
      parentFd,
      name,
      contents: contents && isDirectory(fd),
      [Symbol.dispose]: () => {
        closeSync(fd)
        closeSync(parentFd)
      },
    }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** `/a/b` → `/a`, `b`; `/` → `/`, `.` */
function split(path: string): { readonly parent: string; readonly name: string; readonly contents: boolean } {
  const absolute = resolve('/', path)
  return {
    parent: dirname(absolute),
    name: basename(absolute) || '.',
    contents: /(^|\/)\.$/.test(path) || absolute === '/',
  }
}

function isDirectory(fd: number): boolean {
  return fstatSync(fd).isDirectory()
}

interface Target {
  readonly directory: string
  /** Empty: the content of the source goes into the directory itself. */
  readonly name: string
}

type Kind = 'directory' | 'other' | undefined

/** Docker's rules. @param kind what is at the target now */
function targetOf({ fd, name, contents }: Source, path: string, kind: Kind): Target {
  const operation = `copy to ${path}`
  if (kind === 'directory') return { directory: path, name: contents ? '' : name }
  if (kind === 'other' && isDirectory(fd))
    throw new UtsuwaError('INVALID_ARGUMENT', 'a directory does not replace a file', { operation, path })
  if (path.endsWith('/') && !isDirectory(fd))
    throw new UtsuwaError('INVALID_ARGUMENT', 'there is no such directory', { operation, path })
  return { directory: dirname(path), name: basename(path) }
}

async function copySource(source: Source, writer: RootWriter, target: Target, options: TreeOptions): Promise<void> {
  const path = join(target.directory, target.name)
  if (target.name === '') await copyEntries(source.fd, writer, path, options)
  else await copyPlace(source.fd, () => readlinkSync(byName(source)), writer, path, options)
}

const byName = ({ parentFd, name }: Source): string => `/proc/self/fd/${parentFd}/${name}`

function lookHere(path: string): Kind {
  return kindOf(statSync(path, { throwIfNoEntry: false }))
}

function lookInside(rootFd: number, path: string): Kind {
  let fd: number
  try {
    fd = sys.openat2(rootFd, path, constants.O_PATH, 0, INSIDE)
  } catch (error) {
    if (isUtsuwaError(error) && (error.errno === errnos.ENOENT || error.errno === errnos.ENOTDIR)) return undefined
    throw error
  }
  try {
    return kindOf(fstatSync(fd))
  } finally {
    closeSync(fd)
  }
}

function kindOf(info: Stats | undefined): Kind {
  return info === undefined ? undefined : info.isDirectory() ? 'directory' : 'other'
}
