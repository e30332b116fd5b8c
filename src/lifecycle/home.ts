/** HOME for processes that a bundle does not give one: what passwd says of the user, as runc has it. */
import { closeSync, openSync } from 'node:fs'
import { homeOf, type ReadContainerFile, type ResolvedUser, resolveUser } from '../config/user.ts'
import type { Process } from '../spec/runtime.ts'
import { constants } from '../sys/index.ts'
import { isErrno } from '../util/errno.ts'
import { containerFileReader } from './container-files.ts'

/** @param rootHostPath of the container's root file system, or /proc/PID/root */
export function withHome(process: Process, rootHostPath: string): Process {
  const { env = [], user } = process
  if (env.some(entry => entry.startsWith('HOME='))) return process
  return { ...process, env: [...env, `HOME=${homeIn(user.uid, rootHostPath)}`] }
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
