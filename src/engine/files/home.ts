/** HOME for processes that a bundle does not give one: what passwd says of the user, as runc has it. */
import { homeOf } from '../../options/user.ts'
import type { Process } from '../../spec/runtime.ts'
import { isErrno } from '../../util/errno.ts'
import type { ScopedFd } from '../../util/scoped-fd.ts'
import { containerFileReader } from './container-files.ts'

/**
 * The process with one value for each variable, the last, and with HOME, which counts as missing when it is empty.
 * @param openRoot of the container's root file system, asked when it has to be looked at
 */
export function withHome(process: Process, openRoot: () => ScopedFd): Process {
  const { env = [], user } = process
  const last = new Map(env.map((entry, index) => [entry.split('=', 1)[0], index]))
  const single = env.filter((entry, index) => last.get(entry.split('=', 1)[0]) === index && entry !== 'HOME=')
  if (single.some(entry => entry.startsWith('HOME='))) return { ...process, env: single }
  return { ...process, env: [...single, `HOME=${homeIn(user.uid, openRoot)}`] }
}

function homeIn(uid: number, openRoot: () => ScopedFd): string {
  try {
    using root = openRoot()
    return homeOf(uid, containerFileReader(root.fd))
  } catch (error) {
    // The plan will say that there is no root file system, and why.
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return '/'
    throw error
  }
}
