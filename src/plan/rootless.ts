/** Containers of a user without privileges: what the plan does otherwise, since the kernel would refuse it. */
import { UtsuwaError } from '../errors.ts'
import type { IdMapping } from '../spec/runtime.ts'
import type { Namespaces } from './namespaces.ts'
import type { OperationOf } from './ops.ts'

/** Who calls, where that is not root of the first user namespace. */
export interface RestrictedCaller {
  /** Effective ids; a uid of 0 is the root of a user namespace, to which all ids in it belong. */
  readonly uid: number
  readonly gid: number
  /** Host paths of the setuid programs that map ids of /etc/subuid and /etc/subgid; undefined: not installed. */
  readonly newuidmap: string | undefined
  readonly newgidmap: string | undefined
}

/** Whether a restricted caller can make this container at all: with a user namespace, it has its privileges there. */
export function isRootless(caller: RestrictedCaller | undefined, namespaces: Namespaces): boolean {
  return caller !== undefined && (caller.uid === 0 || namespaces.has('user'))
}

type IdMap = OperationOf<'write_id_map'>

/**
 * user_namespaces(7): without privileges one may map one's own id alone, and its group only when setgroups(2) has been
 * given up. Everything else is done by newuidmap(1) and newgidmap(1).
 * @throws UtsuwaError NOT_ROOT when these are missing
 */
export function writeIdMap(
  map: Pick<IdMap, 'content' | 'pointer'> & { file: 'uid_map' | 'gid_map' },
  mappings: readonly IdMapping[],
  caller: RestrictedCaller | undefined,
): IdMap[] {
  const write: IdMap = { op: 'write_id_map', helper: '', ...map }
  if (caller === undefined || caller.uid === 0) return [write]
  const [own, helper, name] =
    map.file === 'uid_map'
      ? ([caller.uid, caller.newuidmap, 'newuidmap'] as const)
      : ([caller.gid, caller.newgidmap, 'newgidmap'] as const)
  if (mappings.length === 1 && mappings[0]!.size === 1 && mappings[0]!.hostID === own)
    return map.file === 'uid_map' ? [write] : [{ ...write, file: 'setgroups', content: 'deny' }, write]
  if (helper === undefined)
    throw new UtsuwaError('NOT_ROOT', `mapping other ids than one's own takes ${name}, which is not in $PATH`, {
      configPointer: map.pointer,
      hint: 'apt-get install uidmap',
    })
  return [{ ...write, helper }]
}
