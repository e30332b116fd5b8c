/** What this machine has, what is missing for containers, and what a person can type to get it. */

import { readFileSync } from 'node:fs'
import { readCgroupHierarchy, readControllers } from '../../cgroup/hierarchy.ts'
import { processesOf } from '../../cgroup/processes.ts'
import { isErrno } from '../../util/errno.ts'
import { checkCgroups } from './doctor-cgroup.ts'
import { checkKernel } from './doctor-kernel.ts'
import { checkNamespaces } from './doctor-namespaces.ts'
import { checkNetworks } from './doctor-network.ts'
import { checkStorage } from './doctor-storage.ts'
import type { Finding } from './finding.ts'

/** Options of `doctor`. */
export interface DoctorOptions {
  /** Directory of images and snapshots. Default: /var/lib/utsuwa. */
  readonly root?: string
}

/** Looks at the machine as the caller sees it; makes nothing that stays. */
export async function doctor({ root = '/var/lib/utsuwa' }: DoctorOptions = {}): Promise<Finding[]> {
  return [
    checkPrivileges(process.geteuid!()),
    ...checkKernel(),
    ...checkCgroups(readCgroupFacts()),
    ...(await checkNamespaces()),
    ...checkStorage(root),
    ...checkNetworks(),
  ]
}

function checkPrivileges(uid: number): Finding {
  const id = 'privileges'
  if (uid === 0) return { id, status: 'ok', message: 'run as root' }
  return { id, status: 'warn', message: `run as user ${uid}: containers from images need root`, fix: 'sudo utsuwa …' }
}

function readCgroupFacts(): Parameters<typeof checkCgroups>[0] {
  const hierarchy = readCgroupHierarchy()
  const mount = hierarchy.mountHostPath
  return {
    hierarchy,
    controllers: mount === undefined ? [] : readControllers(mount),
    kernelControllers: readKernelControllers(),
    // cgroup.type exists everywhere but in the true root, which may have processes beside its children.
    mountIsInside: mount !== undefined && readText(`${mount}/cgroup.type`) !== undefined,
    processes: mount === undefined ? 0 : processesOf(mount).length,
    hasKill: mount === undefined || hasKill(mount),
  }
}

/** The root has no cgroup.kill; any cgroup below it tells. Where there is none, the kernel's age does. */
function hasKill(mount: string): boolean {
  const own = /^0::(\/.+)$/m.exec(readText('/proc/self/cgroup') ?? '')?.[1]
  if (own !== undefined && readText(`${mount}${own}/cgroup.type`) !== undefined)
    return canSee(`${mount}${own}/cgroup.kill`)
  const [major = 0, minor = 0] = (readText('/proc/sys/kernel/osrelease') ?? '').split('.').map(Number.parseFloat)
  return major > 5 || (major === 5 && minor >= 14)
}

/** Names in /proc/cgroups that are not disabled on the kernel's command line. */
function readKernelControllers(): string[] {
  return (readText('/proc/cgroups') ?? '')
    .split('\n')
    .map(line => line.split('\t'))
    .filter(([name = '', , , enabled]) => !name.startsWith('#') && enabled === '1')
    .map(([name = '']) => (name === 'blkio' ? 'io' : name))
}

function canSee(path: string): boolean {
  try {
    readFileSync(path)
    return true
  } catch (error) {
    return !isErrno(error, 'ENOENT') // it can only be written to
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined // not there or not ours to read: the findings say so
  }
}
