/** A directory as a tar archive. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { UtsuwaError } from '../../errors.ts'
import { isErrno } from '../../util/errno.ts'
import { programError } from '../../util/how-ended.ts'

/** GNU tar's status for files that changed while it read them, which a container that runs may do. */
const TAR_CHANGED = 1
const MAX_COMPLAINT = 4096
/** What GNU's, busybox's and the BSDs' tar say; busybox's status is that of files that changed. */
const UNKNOWN_OPTION = /^tar: (?:(?:unrecognized|invalid|unknown) option\b|Option \S+ is not supported)/

/**
 * tar(1) reads it: Node cannot read extended attributes. Nothing of the container is executed or followed: tar is the
 * host's, it opens what it finds without following links, and stays on the file system it began in.
 * Sorted, so that one tree is one archive.
 *
 * @param name what is read in the directory `rootFd`. Default: all of it
 */
export async function* readArchive(rootFd: number, operation: string, name = '.'): AsyncGenerator<Buffer> {
  const args = ['--create', '--file=-', '--format=pax', '--pax-option=delete=atime,delete=ctime', '--numeric-owner']
  const child = spawn(
    'tar',
    [
      ...args,
      '--sort=name',
      '--xattrs',
      '--xattrs-include=*',
      '--one-file-system',
      '--directory=/proc/self/fd/3',
      '--',
      name,
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe', rootFd],
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' },
    },
  )
  let complaint = ''
  child.stderr!.on('data', (chunk: Buffer) => {
    if (complaint.length < MAX_COMPLAINT) complaint += chunk
  })
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  ended.catch(() => undefined)
  try {
    yield* child.stdout!
    const [code, killedBy] = await ended
    if (code === 0) return
    if (UNKNOWN_OPTION.test(complaint)) throw unsupported('the tar of this machine lacks options', operation)
    if (code === TAR_CHANGED) return
    throw programError('tar', { code, signal: killedBy }, complaint, operation)
  } catch (cause) {
    throw isErrno(cause, 'ENOENT') ? unsupported('there is no tar on this machine', operation, cause) : cause
  } finally {
    child.kill()
  }
}

function unsupported(reason: string, operation: string, cause?: unknown): UtsuwaError {
  return new UtsuwaError('UNSUPPORTED', reason, { operation, hint: 'install GNU tar', cause })
}
