/** Findings about what containers from images need on disk. */
import { accessSync, constants as fsConstants, readFileSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { nativePath } from '../../sys/native-path.ts'
import { isErrno } from '../../util/errno.ts'
import type { Finding } from './finding.ts'

const OVERLAYFS_MAGIC = 0x794c7630
/** File systems whose files cannot be the upper layer of an overlay. */
const NETWORK_MAGICS = new Map([
  [0x6969, 'nfs'],
  [0x01021997, '9p'],
  [0xff534d42, 'cifs'],
  [0x65735546, 'fuse'],
])
const LITTLE_SPACE = 1024 ** 3

export function checkStorage(root: string): Finding[] {
  return [checkOverlay(), checkStore(root), ...['init', 'applier'].map(checkProgram)]
}

function checkOverlay(): Finding {
  const id = 'overlay'
  if (/\toverlay$/m.test(readFileSync('/proc/filesystems', 'utf8'))) return { id, status: 'ok', message: 'overlay' }
  return { id, status: 'fail', message: 'overlay: not known to the kernel', fix: 'modprobe overlay' }
}

function checkStore(root: string): Finding {
  const directory = nearestDirectory(root)
  const { type, bavail, bsize } = statfsSync(directory)
  const id = 'store'
  const kind = type === OVERLAYFS_MAGIC ? 'overlay' : NETWORK_MAGICS.get(type)
  if (kind !== undefined)
    return {
      id,
      status: 'fail',
      message: `store ${root} lies on ${kind}, on which no overlay can be stacked`,
      fix: 'utsuwa --root DIR, with DIR on ext4, xfs, btrfs or tmpfs',
    }
  const free = bavail * bsize
  const message = `store ${root}: ${Math.floor(free / 1e6)} MB free`
  if (free >= LITTLE_SPACE) return { id, status: 'ok', message }
  return { id, status: 'warn', message, fix: 'utsuwa rmi IMAGE, or utsuwa --root DIR on a larger disk' }
}

/** The directory that is there, or the one it would be made in. */
function nearestDirectory(path: string): string {
  try {
    accessSync(path)
    return path
  } catch (error) {
    return isErrno(error, 'ENOENT') && path !== '/' ? nearestDirectory(dirname(path)) : '/'
  }
}

/** Parts of utsuwa itself. */
function checkProgram(name: string): Finding {
  const id = `program.${name}`
  const path = nativePath(name)
  try {
    accessSync(path, fsConstants.R_OK)
    return { id, status: 'ok', message: path }
  } catch {
    return { id, status: 'fail', message: `${path} is missing`, fix: 'make build, or install utsuwa again' }
  }
}
