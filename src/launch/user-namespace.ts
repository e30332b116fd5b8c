/** Why a kernel keeps user namespaces from users, and what lets them in. */
import { readFileSync } from 'node:fs'
import { errnos } from '../util/errno.ts'

/** A number in a file of /proc/sys; undefined when this kernel has no such setting. */
export type ReadSetting = (name: string) => number | undefined

export function readSetting(name: string): number | undefined {
  try {
    return Number(readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8'))
  } catch {
    return undefined
  }
}

/** The setting by which users other than root cannot make user namespaces, or can but have no privileges in them. */
export function restrictingSetting(read: ReadSetting): { readonly name: string; readonly fix: string } | undefined {
  const restrictions = [
    ['kernel.apparmor_restrict_unprivileged_userns', 1, 0],
    ['kernel.unprivileged_userns_clone', 0, 1],
  ] as const
  for (const [name, restricting, permitting] of restrictions)
    if (read(name) === restricting)
      return { name, fix: `echo ${name}=${permitting} >/etc/sysctl.d/60-utsuwa.conf && sysctl --system` }
  return undefined
}

/**
 * What to do about a user namespace that could not be made, or in which a user may not do what its root may.
 * @returns undefined when nothing that is known of stands in the way
 */
export function userNamespaceFix(errno: number, read: ReadSetting = readSetting): string | undefined {
  if (errno === errnos.ENOSPC || read('user.max_user_namespaces') === 0)
    return 'sysctl -w user.max_user_namespaces=10000'
  return restrictingSetting(read)?.fix
}
