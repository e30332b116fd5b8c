/**
 * Writing into a root file system that may be hostile, without leaving it.
 *
 * Every parent directory is opened by openat2(RESOLVE_IN_ROOT), so links lead where they lead inside. What is made in it
 * is then named by that descriptor and one plain name, which no call here follows; so it holds while processes of the
 * container move things about (CVE-2018-15664 and CVE-2019-14271, of docker cp).
 */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  write as writeCallback,
  writeSync,
} from 'node:fs'
import { promisify } from 'node:util'
import { isUtsuwaError, UtsuwaError } from '../../errors.ts'
import { constants as kernel, sys } from '../../sys/index.ts'
import { errnoOf, errnos, isErrno } from '../../util/errno.ts'

const write = promisify(writeCallback)

/** Numbers as the container has them. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** From the container's numbers to the host's. */
export type MapOwner = (owner: Owner) => Owner

/** A regular file that gets its name when it is complete. Disposal removes one that was not committed. */
export interface PendingFile extends Disposable {
  /** @throws UtsuwaError NO_SPACE, KERNEL_OPERATION_FAILED, with the path in the container, as the other methods do */
  write(chunk: Uint8Array): Promise<void>
  writeSync(chunk: Uint8Array): void
  /** In seconds since the epoch, or a date. */
  setTimes(accessed: number | Date, modified: number | Date): void
  /** Gives it its owner, its mode and its name, in place of a file or link that has it. */
  commit(): void
}

const ROOT: Owner = { uid: 0, gid: 0 }
const PARENT_MODE = 0o755
const INSIDE = kernel.RESOLVE_IN_ROOT | kernel.RESOLVE_NO_MAGICLINKS
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

export class RootWriter {
  readonly #rootFd: number
  readonly #mapOwner: MapOwner

  /** @param rootFd of the root file system; it stays the caller's */
  constructor(rootFd: number, mapOwner: MapOwner = owner => owner) {
    this.#rootFd = rootFd
    this.#mapOwner = mapOwner
  }

  /** A file with this content. Missing directories above it are made, with mode 0755 and owner 0:0. */
  async file(path: string, content: Uint8Array, mode: number, owner: Owner): Promise<void> {
    using file = this.create(path, mode, owner)
    await file.write(content)
    file.commit()
  }

  /** The same for content that comes bit by bit. */
  create(path: string, mode: number, owner: Owner): PendingFile {
    const place = this.#place(path)
    const temporary = place.temporary()
    const fd = during(path, () => openSync(temporary, CREATE, 0o600))
    const { uid, gid } = this.#mapOwner(owner)
    return {
      write: async chunk => {
        try {
          for (let rest = chunk; rest.length > 0; ) rest = rest.subarray((await write(fd, rest)).bytesWritten)
        } catch (error) {
          throw writeError(path, error)
        }
      },
      writeSync: chunk =>
        during(path, () => {
          for (let rest = chunk; rest.length > 0; ) rest = rest.subarray(writeSync(fd, rest))
        }),
      setTimes: (accessed, modified) => during(path, () => futimesSync(fd, accessed, modified)),
      commit: () =>
        during(path, () => {
          fchownSync(fd, uid, gid)
          fchmodSync(fd, mode) // last, since a new owner clears the set-id bits
          renameSync(temporary, place.path)
        }),
      [Symbol.dispose]: () => {
        closeSync(fd)
        rmSync(temporary, { force: true })
        place[Symbol.dispose]()
      },
    }
  }

  /** One that is there gets this mode and owner. */
  directory(path: string, mode: number, owner: Owner): void {
    const fd = this.#openDirectory(path)
    try {
      const { uid, gid } = this.#mapOwner(owner)
      during(path, () => {
        chownSync(byDescriptor(fd), uid, gid)
        chmodSync(byDescriptor(fd), mode)
      })
    } finally {
      closeSync(fd)
    }
  }

  /** In place of a file or link that has the name. @param target as it will stand in the link; it may lead nowhere */
  symlink(path: string, target: string, owner: Owner): void {
    const { uid, gid } = this.#mapOwner(owner)
    this.#replace(path, temporary => {
      symlinkSync(target, temporary)
      lchownSync(temporary, uid, gid)
    })
  }

  /** A hard link, in place of a file or link that has the name. */
  link(path: string, existing: string): void {
    using source = this.#place(existing)
    this.#replace(path, temporary => linkSync(source.path, temporary))
  }

  #replace(path: string, make: (temporary: string) => void): void {
    using place = this.#place(path)
    const temporary = place.temporary()
    try {
      during(path, () => {
        make(temporary)
        renameSync(temporary, place.path)
      })
    } finally {
      // Also after a rename onto another name of the same file, which does nothing (rename(2)).
      rmSync(temporary, { force: true })
    }
  }

  #place(path: string): Place {
    const { parent, name } = splitPath(path)
    return new Place(this.#openDirectory(parent), name)
  }

  /** O_PATH descriptor of a directory, made where it is missing, as are those above it. */
  #openDirectory(path: string): number {
    for (let made = false; ; made = true) {
      try {
        return sys.openat2(this.#rootFd, path, kernel.O_PATH | kernel.O_DIRECTORY, 0, INSIDE)
      } catch (error) {
        // Missing although it was just made: a link that leads nowhere. Nothing is made at its target.
        if (made || !isUtsuwaError(error) || error.errno !== errnos.ENOENT) throw writeError(path, error)
        this.#makeDirectory(path)
      }
    }
  }

  #makeDirectory(path: string): void {
    using place = this.#place(path)
    try {
      mkdirSync(place.path, { mode: PARENT_MODE })
      const { uid, gid } = this.#mapOwner(ROOT)
      lchownSync(place.path, uid, gid)
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw writeError(path, error)
    }
  }
}

/** A name in a directory that is open. */
class Place implements Disposable {
  /** Only its last component is looked up, and by calls that do not follow it. */
  readonly path: string
  readonly #parentFd: number

  constructor(parentFd: number, name: string) {
    this.#parentFd = parentFd
    this.path = `${byDescriptor(parentFd)}/${name}`
  }

  /** A name beside it that nobody has. */
  temporary(): string {
    return `${byDescriptor(this.#parentFd)}/.utsuwa-${randomBytes(8).toString('hex')}`
  }

  [Symbol.dispose](): void {
    closeSync(this.#parentFd)
  }
}

function byDescriptor(fd: number): string {
  return `/proc/self/fd/${fd}`
}

function splitPath(path: string): { readonly parent: string; readonly name: string } {
  const components = path.split('/').filter(component => component !== '' && component !== '.')
  const name = components.pop()
  if (name === undefined || name === '..' || path.includes('\0'))
    throw new UtsuwaError('INVALID_ARGUMENT', `${JSON.stringify(path)} names no file of a container`, {
      operation: 'copy into container',
      path,
    })
  return { parent: components.join('/') || '.', name }
}

function during<T>(path: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw writeError(path, error)
  }
}

function writeError(path: string, cause: unknown): unknown {
  const errno = isUtsuwaError(cause) ? cause.errno : errnoOf(cause)
  if (errno === undefined) return cause
  const isFull = errno === errnos.ENOSPC || errno === errnos.EDQUOT
  return new UtsuwaError(isFull ? 'NO_SPACE' : 'KERNEL_OPERATION_FAILED', undefined, {
    operation: `write ${path} in the container`,
    path,
    errno,
    cause,
  })
}
