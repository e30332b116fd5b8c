/** From `--user` and an image's User to numbers, by the passwd and group files of the container. */
import { UtsuwaError } from '../errors.ts'

export interface ResolvedUser {
  uid: number
  gid: number
  additionalGids: number[]
  /** Container path; `/` for a user that passwd does not have. */
  home: string
}

/**
 * Reads a file of the container. Must not leave its root file system, whatever links lie in it.
 *
 * @returns undefined when there is none
 */
export type ReadContainerFile = (containerPath: string) => string | undefined

/** Upper bound of what is looked at of passwd and group: both come from the image (CVE-2026-47262 of containerd). */
const MAX_BYTES = 1024 * 1024

/** One less than the largest that programs with 32-bit signed ids can hold. */
const MAX_ID = 2 ** 31 - 2

interface PasswdEntry {
  name: string
  uid: number
  gid: number
  home: string
}

interface GroupEntry {
  name: string
  gid: number
  members: string[]
}

/**
 * Docker's rules: a user given by name must exist; one given by number need not, and has group 0 then. Additional
 * groups are those that list the user, unless a group is given, and always the user's own: a setgid program would
 * otherwise take it away, and with it what the group is denied (CVE-2023-25173 of containerd). What looks like a number
 * is never taken for a name (CVE-2026-46680 of containerd).
 *
 * @param user `name`, `uid`, `name:group` or `uid:gid`; empty for root
 * @throws UtsuwaError INVALID_ARGUMENT for an unknown name or a number out of range
 */
export function resolveUser(user: string, readFile: ReadContainerFile): ResolvedUser {
  const [userPart = '', groupPart = ''] = splitOnce(user)
  const entry = findUser(userPart === '' ? '0' : userPart, readFile)
  if (groupPart !== '') {
    const gid = findGroup(groupPart, readFile)
    return { uid: entry.uid, gid, additionalGids: [gid], home: entry.home }
  }
  const groups = entry.name === '' ? [] : readGroups(readFile).filter(({ members }) => members.includes(entry.name))
  const additionalGids = [...new Set([entry.gid, ...groups.map(({ gid }) => gid)])]
  return { uid: entry.uid, gid: entry.gid, additionalGids, home: entry.home }
}

/** The numbers of groups given by name or number. @throws UtsuwaError INVALID_ARGUMENT as `resolveUser` */
export function resolveGroups(groups: readonly string[], readFile: ReadContainerFile): number[] {
  return groups.map(group => findGroup(group, readFile))
}

/** The home directory that passwd gives a user, who may be any that a bundle names; `/` for one that it does not have. */
export function homeOf(uid: number, readFile: ReadContainerFile): string {
  return readPasswd(readFile).find(entry => entry.uid === uid)?.home ?? '/'
}

function splitOnce(user: string): string[] {
  const colon = user.indexOf(':')
  return colon === -1 ? [user] : [user.slice(0, colon), user.slice(colon + 1)]
}

function findUser(user: string, readFile: ReadContainerFile): PasswdEntry {
  const users = readPasswd(readFile)
  const uid = numericId(user, 'user')
  if (uid !== undefined) return users.find(entry => entry.uid === uid) ?? { name: '', uid, gid: 0, home: '/' }
  const entry = users.find(({ name }) => name === user)
  if (entry === undefined) throw lookupError('user', user, 'no such user in /etc/passwd of the container')
  return entry
}

function findGroup(group: string, readFile: ReadContainerFile): number {
  const gid = numericId(group, 'group')
  if (gid !== undefined) return gid
  const entry = readGroups(readFile).find(({ name }) => name === group)
  if (entry === undefined) throw lookupError('group', group, 'no such group in /etc/group of the container')
  return entry.gid
}

function numericId(text: string, what: 'user' | 'group'): number | undefined {
  if (!/^[-+]?\d+$/.test(text)) return undefined
  const id = Number(text)
  if (!/^\d+$/.test(text) || id > MAX_ID) throw lookupError(what, text, `an id must be from 0 to ${MAX_ID}`)
  return id
}

function lookupError(what: 'user' | 'group', name: string, reason: string): UtsuwaError {
  return new UtsuwaError('INVALID_ARGUMENT', reason, { operation: `look up ${what} ${JSON.stringify(name)}` })
}

function readPasswd(readFile: ReadContainerFile): PasswdEntry[] {
  return records('/etc/passwd', readFile).flatMap(([name = '', , uid = '', gid = '', , home = '']) =>
    isId(uid) && isId(gid)
      ? [{ name, uid: Number(uid), gid: Number(gid), home: home.startsWith('/') ? home : '/' }]
      : [],
  )
}

function readGroups(readFile: ReadContainerFile): GroupEntry[] {
  return records('/etc/group', readFile).flatMap(([name = '', , gid = '', members = '']) =>
    isId(gid) ? [{ name, gid: Number(gid), members: members.split(',') }] : [],
  )
}

function isId(text: string): boolean {
  return /^\d+$/.test(text) && Number(text) <= MAX_ID
}

/** Lines split at colons; a line that the bound cuts through is dropped. */
function records(path: string, readFile: ReadContainerFile): string[][] {
  const text = readFile(path) ?? ''
  const bounded = text.length > MAX_BYTES ? text.slice(0, text.lastIndexOf('\n', MAX_BYTES)) : text
  return bounded.split('\n').map(line => line.trim().split(':'))
}
