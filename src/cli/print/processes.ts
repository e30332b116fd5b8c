/** What ps(1) says of processes. */
import { UtsuwaError } from '../../errors.ts'
import { errnoOf } from '../../util/errno.ts'
import { howEnded, programError } from '../../util/how-ended.ts'

export interface ProcessList {
  readonly header: string
  readonly rows: readonly string[]
}

/**
 * What ps(1) says of the whole machine, without the lines of others: so its options work, whatever they are.
 * @throws UtsuwaError UNSUPPORTED without ps, INVALID_ARGUMENT for options that it refuses or that leave out the PID
 */
export async function processTable(pids: readonly number[], options: readonly string[]): Promise<ProcessList> {
  const { spawnSync } = await import('node:child_process')
  const {
    error,
    status: code,
    signal,
    stdout,
    stderr,
  } = spawnSync('ps', options.length === 0 ? ['-ef'] : options, {
    encoding: 'utf8',
    maxBuffer: Number.POSITIVE_INFINITY,
  })
  const errno = errnoOf(error)
  if (errno !== undefined)
    throw new UtsuwaError('UNSUPPORTED', undefined, {
      operation: 'run ps',
      errno,
      hint: 'install ps: on Debian the package procps',
      cause: error,
    })
  // One that was killed has not refused its options.
  if (signal !== null) throw programError('ps', { code, signal }, stderr, 'list processes')
  if (code !== 0) throw new UtsuwaError('INVALID_ARGUMENT', `ps: ${stderr.trim() || howEnded({ code, signal })}`)
  const [header = '', ...lines] = stdout.trimEnd().split('\n')
  const column = header.trim().split(/\s+/).indexOf('PID')
  if (column < 0) throw new UtsuwaError('INVALID_ARGUMENT', "couldn't find PID field in ps output")
  const known = new Set(pids.map(String))
  return { header, rows: lines.filter(line => known.has(line.trim().split(/\s+/)[column] ?? '')) }
}
