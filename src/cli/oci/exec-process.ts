/** The process that `exec` runs: from a file, or the container's own with what the flags change. */
import { readFileSync } from 'node:fs'
import { UtsuwaError } from '../../errors.ts'
import { parseJson } from '../../spec/json.ts'
import { type Capabilities, type Process, parseProcess, type RuntimeSpec, type User } from '../../spec/runtime.ts'
import { errnoOf } from '../../util/errno.ts'
import { type FlagValues, usageError } from './flags.ts'

export const processFlags = {
  process: { short: 'p', value: 'FILE', help: 'the process, as JSON; other flags about it are not looked at' },
  cwd: { value: 'DIR', help: 'working directory in the container' },
  env: { short: 'e', value: 'KEY=VALUE', many: true, help: 'an environment variable more' },
  tty: { short: 't', help: 'give it a terminal' },
  user: { short: 'u', value: 'UID[:GID]', help: 'user and group, as numbers' },
  'additional-gids': { short: 'g', value: 'GID', many: true, help: 'a supplementary group more' },
  'process-label': { value: 'LABEL', help: 'SELinux label' },
  apparmor: { value: 'PROFILE', help: 'AppArmor profile' },
  'no-new-privs': { help: 'no setuid program gives it privileges' },
  cap: { short: 'c', value: 'CAPABILITY', many: true, help: 'a capability more' },
} as const

type ProcessFlags = FlagValues<typeof processFlags>

/** @throws UtsuwaError INVALID_ARGUMENT, INVALID_SPEC */
export function execProcess(flags: ProcessFlags, args: readonly string[], spec: RuntimeSpec): Process {
  if (flags.process !== undefined) return readProcess(flags.process)
  if (args.length === 0) throw usageError('process args cannot be empty')
  if (spec.process === undefined) throw usageError('the container has no process to take after: use --process')
  const { process } = spec
  return parseProcess({
    ...process,
    args,
    terminal: flags.tty,
    env: [...(process.env ?? []), ...flags.env],
    cwd: flags.cwd ?? process.cwd,
    user: userOf(flags, process.user),
    capabilities: withCapabilities(process.capabilities, flags.cap),
    ...(flags['no-new-privs'] ? { noNewPrivileges: true } : {}),
    ...(flags.apparmor === undefined ? {} : { apparmorProfile: flags.apparmor }),
    ...(flags['process-label'] === undefined ? {} : { selinuxLabel: flags['process-label'] }),
  })
}

function readProcess(path: string): Process {
  try {
    return parseProcess(parseJson(readFileSync(path, 'utf8'), path))
  } catch (cause) {
    const errno = errnoOf(cause)
    if (errno === undefined) throw cause
    throw new UtsuwaError('INVALID_ARGUMENT', undefined, { operation: `open ${path}`, path, errno, cause })
  }
}

/** Numbers alone: what looks like a name is refused, and never becomes uid 0 (CVE-2026-30892 of crun). */
function userOf({ user, 'additional-gids': more }: ProcessFlags, inherited: User): User {
  const additionalGids = [...(inherited.additionalGids ?? []), ...more.map(text => idOf(text, 'gid'))]
  if (user === undefined) return { ...inherited, additionalGids }
  const [uid = '', gid, ...rest] = user.split(':')
  if (rest.length > 0) throw usageError(`parsing ${user} as uid:gid failed`)
  return {
    ...inherited,
    additionalGids,
    uid: idOf(uid, 'uid'),
    gid: gid === undefined ? inherited.gid : idOf(gid, 'gid'),
  }
}

function idOf(text: string, what: 'uid' | 'gid'): number {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  // 4294967295 is (uid_t)-1, which the kernel takes for "as it is".
  if (id < 0xffff_ffff) return id
  throw usageError(`parsing ${text} as int for ${what} failed: invalid syntax`)
}

/**
 * Not to the inheritable set: a program could keep it over an exec (CVE-2022-29162 of runc). To the ambient one where the
 * bundle has asked for inheritable ones, without which there are none.
 */
function withCapabilities(capabilities: Capabilities = {}, more: readonly string[]): Capabilities {
  const names = more.map(name => name.toUpperCase())
  const { bounding = [], effective = [], permitted = [], inheritable = [], ambient = [] } = capabilities
  return {
    ...capabilities,
    bounding: [...bounding, ...names],
    effective: [...effective, ...names],
    permitted: [...permitted, ...names],
    ...(inheritable.length > 0 ? { ambient: [...ambient, ...names] } : {}),
  }
}
