/** What an image has at the place of a volume, copied into it before a container sees it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, fstatSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { chmod, chown, mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { lockFd } from '../content/lock.ts'
import { removeTree } from '../content/remove-tree.ts'
import { isUtsuwaError, UtsuwaError } from '../errors.ts'
import { constants, sys } from '../sys/index.ts'
import { errnos, isErrno } from '../util/errno.ts'
import { programError } from '../util/how-ended.ts'
import type { Volume } from './store.ts'

const MAX_COMPLAINT = 4096

/**
 * Copies a directory of an image into a volume that is empty, with owners, modes and extended attributes; the volume
 * itself gets those of the directory. Nothing happens where the volume has something, or the image has nothing.
 *
 * Links of the image lead where they lead inside its root, whatever they say (CVE-2022-23648 of containerd), and those
 * below the directory are copied, not followed. The image does not change under it: no process has seen this mount.
 *
 * @param rootFd of the container's root file system, which nothing runs in yet
 * @throws UtsuwaError NO_SPACE, UNSUPPORTED without cp, ABORTED
 */
export async function populateVolume(
  { name, mountpoint }: Volume,
  rootFd: number,
  containerPath: string,
  signal?: AbortSignal,
): Promise<void> {
  const unfinished = join(dirname(mountpoint), 'copying')
  // Two containers that begin with it at once: the second one finds the copy complete.
  await using directory = await open(dirname(mountpoint), constants.O_DIRECTORY)
  await lockFd(directory.fd, 'exclusive', signal)
  // What a copy that was cut short has left is of no use to anybody.
  if (existsSync(unfinished)) await emptyDirectory(mountpoint)
  else if (!isEmpty(mountpoint)) return
  const sourceFd = openInside(rootFd, containerPath)
  if (sourceFd === undefined) return
  try {
    writeFileSync(unfinished, '')
    if (!isEmpty(`/proc/self/fd/${sourceFd}`))
      await copy(sourceFd, mountpoint, `copy the image's ${containerPath} to volume ${name}`, signal)
    const { uid, gid, mode } = fstatSync(sourceFd)
    await chown(mountpoint, uid, gid)
    await chmod(mountpoint, mode & 0o7777) // last, since a new owner clears the set-id bits
    rmSync(unfinished)
  } finally {
    closeSync(sourceFd)
  }
}

function isEmpty(directory: string): boolean {
  return readdirSync(directory).length === 0
}

async function emptyDirectory(path: string): Promise<void> {
  await removeTree(path)
  await mkdir(path, { mode: 0o755 })
}

/** Undefined where there is no directory. */
function openInside(rootFd: number, containerPath: string): number | undefined {
  const { O_DIRECTORY, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } = constants
  try {
    return sys.openat2(rootFd, containerPath, O_DIRECTORY, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
  } catch (error) {
    const absent: readonly number[] = [errnos.ENOENT, errnos.ENOTDIR, errnos.ELOOP]
    if (isUtsuwaError(error) && error.errno !== undefined && absent.includes(error.errno)) return undefined
    throw error
  }
}

/** cp(1) does it: Node cannot copy extended attributes, devices or pipes. It is the host's, and executes nothing. */
async function copy(sourceFd: number, target: string, operation: string, signal?: AbortSignal): Promise<void> {
  const child = spawn('cp', ['-a', '/proc/self/fd/3/.', target], {
    stdio: ['ignore', 'ignore', 'pipe', sourceFd],
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' },
    ...(signal === undefined ? {} : { signal, killSignal: 'SIGKILL' }),
  })
  let complaint = ''
  child.stderr!.on('data', (chunk: Buffer) => {
    if (complaint.length < MAX_COMPLAINT) complaint += chunk
  })
  try {
    const [code, killedBy] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    if (code === 0) return
    throw programError('cp', { code, signal: killedBy }, complaint, operation)
  } catch (cause) {
    if (signal?.aborted) throw new UtsuwaError('ABORTED', 'aborted', { operation, cause })
    if (!isErrno(cause, 'ENOENT')) throw cause
    throw new UtsuwaError('UNSUPPORTED', 'there is no cp on this machine', { operation, cause })
  }
}
