/** Findings about namespaces: each is made, by the same clone3(2) that makes it for a container. */
import { closeSync, readFileSync } from 'node:fs'
import { waitReadable } from '../../launch/readable.ts'
import { type ReadSetting, readSetting, restrictingSetting } from '../../launch/user-namespace.ts'
import { encodeHostStage } from '../../plan/encode.ts'
import { cloneFlags } from '../../plan/namespaces.ts'
import { isLaunchFailure, sys } from '../../sys/index.ts'
import { nativePath } from '../../sys/native-path.ts'
import { describeErrno, errnos } from '../../util/errno.ts'
import type { Finding } from './finding.ts'

const SIGKILL = 9
/** /dev/null for descriptors 0–2 and for the plan, without which init ends at once. */
const NO_DESCRIPTORS = [-1, -1, -1, -1]
const PLAN_FD = 3

export async function checkNamespaces(): Promise<Finding[]> {
  const init = sys.sealedMemfd('utsuwa-init', readFileSync(nativePath('init')))
  try {
    const findings: Finding[] = []
    for (const kind of Object.keys(cloneFlags) as (keyof typeof cloneFlags)[]) {
      const errno = await tryClone(init, cloneFlags[kind] | ownerFlag())
      findings.push(describeNamespace(kind, errno, readSetting))
    }
    return findings
  } finally {
    closeSync(init)
  }
}

/** Only in a user namespace of their own may others than root make namespaces. */
function ownerFlag(): number {
  return process.geteuid!() === 0 ? 0 : cloneFlags.user
}

/** @returns 0 when it can be made */
async function tryClone(init: number, flags: number): Promise<number> {
  const stage = encodeHostStage({ host: [{ op: 'clone', flags, pointer: '' }] })
  const result = await sys.launch(stage, [init, ...NO_DESCRIPTORS], PLAN_FD)
  if (isLaunchFailure(result)) return result.errno
  sys.pidfdSendSignal(result.pidfd, SIGKILL)
  await waitReadable(result.pidfd)
  sys.pidfdWait(result.pidfd)
  closeSync(result.pidfd)
  return 0
}

export function describeNamespace(kind: keyof typeof cloneFlags, errno: number, read: ReadSetting): Finding {
  const id = `namespace.${kind}`
  const message = `${kind} namespace`
  if (errno === 0) return restrictedForUsers(id, message, kind, read) ?? { id, status: 'ok', message }
  const status = kind === 'user' || kind === 'time' ? 'warn' : 'fail'
  return { id, status, message: `${message}: ${describeErrno(errno)}`, fix: fixFor(kind, errno, read) }
}

/** Root can make one, others perhaps not. */
function restrictedForUsers(id: string, message: string, kind: string, read: ReadSetting): Finding | undefined {
  const restriction = kind === 'user' ? restrictingSetting(read) : undefined
  if (restriction === undefined) return undefined
  return { id, status: 'warn', message: `${message}: for root alone (${restriction.name})`, fix: restriction.fix }
}

function fixFor(kind: string, errno: number, read: ReadSetting): string {
  const limit = `user.max_${kind === 'mount' ? 'mnt' : kind === 'network' ? 'net' : kind}_namespaces`
  if (errno === errnos.ENOSPC || read(limit) === 0) return `sysctl -w ${limit}=10000`
  const restriction = restrictingSetting(read)
  if (restriction !== undefined) return restriction.fix
  if (errno === errnos.EINVAL) return `boot a kernel with namespaces of this kind (CONFIG_${configOf(kind)}=y)`
  return 'run it as root; in a container, run its engine with --privileged'
}

function configOf(kind: string): string {
  if (kind === 'cgroup') return 'CGROUPS'
  return kind === 'mount' ? 'NAMESPACES' : `${kind === 'network' ? 'NET' : kind.toUpperCase()}_NS`
}
