/** HOME for processes that a bundle does not give one: what passwd says of the user, as runc has it. */
import { closeSync, openSync } from 'node:fs'
import { homeOf, type ReadContainerFile, type ResolvedUser, resolveUser } from '../config/user.ts'
import type { Process } from '../spec/runtime.ts'
import { constants } from '../sys/index.ts'
import { isErrno } from '../util/errno.ts'
import { containerFileReader } from './container-files.ts'

/**
 * The process with one value for each variable, the last, and with HOME, which counts as missing when it is empty.
 * @param rootHostPath of the container's root file system, or /proc/PID/root
 */
export function withHome(process: Process, rootHostPath: string): Process {
  const { env = [], user } = process
  const last = new Map(env.map((entry, index) => [entry.split('=', 1)[0], index]))
  const single = env.filter((entry, index) => last.get(entry.split('=', 1)[0]) === index && entry !== 'HOME=')
  if (single.some(entry => entry.startsWith('HOME='))) return { ...process, env: single }
  return { ...process, env: [...single, `HOME=${homeIn(user.uid, rootHostPath)}`] }
}

function homeIn(uid: number, rootHostPath: string): string {
  try {
    return withFilesOf(rootHostPath, readFile => homeOf(uid, readFile))
  } catch (error) {
    // The plan will say that there is no root file system, and why.
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return '/'
    throw error
  }
}

/** `resolveUser` by the files of a root file system. @param rootHostPath its directory, or /proc/PID/root */
export function resolveUserIn(user: string, rootHostPath: string): ResolvedUser {
  return withFilesOf(rootHostPath, readFile => resolveUser(user, readFile))
}

function withFilesOf<T>(rootHostPath: string, use: (readFile: ReadContainerFile) => T): T {
  const rootFd = openSync(rootHostPath, constants.O_DIRECTORY)
  try {
    return use(containerFileReader(rootFd))
  } finally {
    closeSync(rootFd)
  }
}
