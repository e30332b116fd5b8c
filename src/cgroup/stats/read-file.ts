/** Reading the files of a cgroup, some of which are not there. */
import { readFileSync } from 'node:fs'
import { isErrno } from '../../util/errno.ts'

/**
 * The text of a file of a cgroup without its line end.
 * @returns undefined without such a controller or kernel feature (ENOENT), when the cgroup was removed (ENODEV), and where
 *   pressure is switched off (EOPNOTSUPP)
 */
export function readCgroupFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trimEnd()
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENODEV') || isErrno(error, 'EOPNOTSUPP')) return undefined
    throw error
  }
}
