/**
 * The root file system of an image: an overlay that no path of the host leads to.
 *
 * It is a detached mount, a descriptor and nothing else, until init attaches it inside the container's mount namespace.
 * So the host's mount table does not show it (before Linux 6.8 it does for a moment, see mountOverlayByPath), and the
 * kernel removes it with its last user, whichever process is killed.
 */
import { closeSync, mkdtempSync, openSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isUtsuwaError } from '../errors.ts'
import type { Linux } from '../spec/runtime.ts'
import { constants, sys } from '../sys/index.ts'
import { errnos } from '../util/errno.ts'

export interface OverlayDirectories {
  /** Topmost first. */
  readonly lowerDirs: readonly string[]
  /** Without these two it is only read, and there are two lower directories or more. */
  readonly upperDir?: string
  readonly workDir?: string
}

/** Whether a container has a new user namespace, whose ids are others than the host's. */
export function hasOwnIds({ namespaces = [], uidMappings = [], gidMappings = [] }: Linux = {}): boolean {
  return (
    uidMappings.length > 0 && gidMappings.length > 0 && namespaces.some(({ type, path }) => type === 'user' && !path)
  )
}

/** @returns descriptor of the detached mount; @throws UtsuwaError KERNEL_OPERATION_FAILED, NO_SPACE */
export function mountOverlay(directories: OverlayDirectories): number {
  const { lowerDirs, upperDir, workDir } = directories
  const upper =
    upperDir === undefined || workDir === undefined
      ? []
      : ([
          ['upperdir', upperDir],
          ['workdir', workDir],
        ] as const)
  try {
    return sys.mountDetached(
      'overlay',
      [['source', 'overlay'], ...lowerDirs.map(path => ['lowerdir+', path] as const), ...upper],
      0,
    )
  } catch (error) {
    // `lowerdir+` came with Linux 6.8; before, all layers had to fit into one option.
    if (isUtsuwaError(error) && error.errno === errnos.EINVAL) return mountOverlayByPath(directories)
    throw error
  }
}

/**
 * For older kernels: mount(2), whose options hold a page. Layers stand there by descriptor (`/proc/self/fd/30`), so that
 * some two hundred fit. The mount is on the host for the moment between mount and clone of its tree.
 */
function mountOverlayByPath({ lowerDirs, upperDir, workDir }: OverlayDirectories): number {
  const fds = lowerDirs.map(path => openSync(path, constants.O_PATH | constants.O_DIRECTORY))
  const place = mkdtempSync(join(tmpdir(), 'utsuwa-overlay-'))
  try {
    const lower = fds.map(fd => `/proc/self/fd/${fd}`).join(':')
    const upper = upperDir === undefined ? '' : `,upperdir=${upperDir},workdir=${workDir}`
    sys.mount('overlay', place, 'overlay', 0, `lowerdir=${lower}${upper}`)
    try {
      return sys.openTree(constants.AT_FDCWD, place, constants.OPEN_TREE_CLONE)
    } finally {
      sys.umount(place, constants.MNT_DETACH)
    }
  } finally {
    rmdirSync(place)
    for (const fd of fds) closeSync(fd)
  }
}
