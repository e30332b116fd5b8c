import { lstatSync, readdirSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'
import type { LinuxDevice } from '../spec/runtime.ts'

/** A container has its own of these. */
const OWN = new Set(['/dev/pts', '/dev/shm', '/dev/mqueue', '/dev/fd', '/dev/console', '/dev/ptmx'])

/**
 * The device nodes below /dev of the host, for privileged containers. Links and what vanishes while reading are left
 * out.
 */
export function listHostDevices(directory = '/dev'): LinuxDevice[] {
  return readdirSync(directory).flatMap(name => {
    const path = join(directory, name)
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats === undefined || OWN.has(path)) return []
    return stats.isDirectory() ? listHostDevices(path) : describe(path, stats)
  })
}

/** The device at a path, behind links such as those of /dev/disk, or all below a directory; none where there is nothing. */
export function findHostDevices(path: string): LinuxDevice[] {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return []
  return stats.isDirectory() ? listHostDevices(path) : describe(path, stats)
}

function describe(path: string, stats: Stats): LinuxDevice[] {
  if (!stats.isCharacterDevice() && !stats.isBlockDevice()) return []
  const { major, minor } = splitDeviceNumber(stats.rdev)
  const type = stats.isBlockDevice() ? 'b' : 'c'
  return [{ type, path, major, minor, fileMode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid }]
}

/** makedev(3) of glibc and musl, backwards; numbers beyond 32 bits do not occur in the kernel. */
function splitDeviceNumber(rdev: number): { major: number; minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) }
}
