/** Names of the standard streams that a container was given, by which a checkpoint knows them. */
import { fstatSync, readFileSync, readlinkSync } from 'node:fs'

/**
 * Of descriptors of this process: `pipe:[INODE]`; `file[MOUNT:INODE]`, in hexadecimal, for what has a path, since that
 * is a path of the host; else as /proc shows it. '' for −1.
 *
 * They are written down when a container is created: later its process may have others, if only for the moment in which
 * a shell redirects them.
 */
export function streamNames(fds: readonly number[]): string[] {
  return fds.map(fd => (fd < 0 ? '' : streamName(fd)))
}

function streamName(fd: number): string {
  const link = readlinkSync(`/proc/self/fd/${fd}`)
  if (!link.startsWith('/')) return link
  const mount = Number(/^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1])
  return `file[${mount.toString(16)}:${fstatSync(fd, { bigint: true }).ino.toString(16)}]`
}

export function isPipe(name: string): boolean {
  return name.startsWith('pipe:')
}

export function isHostFile(name: string): boolean {
  return name.startsWith('file[')
}
