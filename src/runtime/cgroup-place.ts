/** Which cgroup a container gets, and who makes it. */
import { existsSync } from 'node:fs'
import { isDelegated, nearestCgroup, readEnabledControllers } from '../cgroup/delegation.ts'
import { containerCgroupPath, readOwnCgroup } from '../cgroup/hierarchy.ts'
import { systemdUnit } from '../cgroup/systemd/systemd-unit.ts'
import { UtsuwaError } from '../errors.ts'
import type { CompileInput, HostFacts } from '../plan/compile.ts'
import { Namespaces } from '../plan/namespaces.ts'
import { isRootless } from '../plan/rootless.ts'
import type { RuntimeCreateOptions } from './plan-creation.ts'
import type { ContainerRecord } from './state/record.ts'

/**
 * Who makes the container's cgroup. For `systemd`, linux.cgroupsPath has the form slice:prefix:name. `disabled`: nobody;
 * the container stays in the caller's.
 */
export type CgroupManager = 'cgroupfs' | 'systemd' | 'disabled'

export type CgroupPlace = Pick<CompileInput, 'host' | 'cgroupPath' | 'systemdUnit' | 'undelegated'>

/** @throws UtsuwaError INVALID_SPEC for a cgroupsPath that names none, UNSUPPORTED for one that the host cannot have */
export function placeInCgroups(
  { cgroupPath, cgroupManager, spec, id }: RuntimeCreateOptions,
  host: HostFacts,
): CgroupPlace {
  const cgroupsPath = spec.linux?.cgroupsPath
  if (host.cgroupMount === undefined || cgroupManager === 'disabled') return { host, cgroupPath: undefined }
  if (cgroupManager === 'systemd') {
    const unit = systemdUnit(cgroupsPath, id)
    return { host, cgroupPath: unit.cgroupPath, systemdUnit: unit }
  }
  const path = cgroupPath ?? containerCgroupPath({ cgroupsPath, id, ownCgroup: readOwnCgroup() ?? '/' })
  if (!isRootless(host.caller, new Namespaces(spec))) return { host, cgroupPath: path }
  return placeInDelegated(path, host, host.cgroupMount, Boolean(cgroupsPath))
}

/**
 * Without a cgroup to make one in, a rootless container stays in its caller's, unless the spec asks for a place, or for
 * limits, as with runc. Of the controllers it gets what others like it have: more may not be handed down.
 */
function placeInDelegated(path: string, host: HostFacts, mount: string, isAskedFor: boolean): CgroupPlace {
  const nearest = nearestCgroup(mount, path)
  if (isAskedFor || isDelegated(nearest))
    return { host: { ...host, cgroupControllers: readEnabledControllers(nearest) }, cgroupPath: path }
  return { host, cgroupPath: undefined, undelegated: nearest }
}

/** sd_booted(3) */
export function requireSystemd({ cgroupMount, caller }: HostFacts): void {
  const reason = !existsSync('/run/systemd/system')
    ? 'systemd does not run on this host: there is no /run/systemd/system'
    : cgroupMount === undefined
      ? 'the host has no cgroup v2 hierarchy'
      : caller === undefined
        ? undefined
        : "it is for root: scopes of a user's own systemd are not made"
  if (reason === undefined) return
  throw new UtsuwaError('UNSUPPORTED', reason, {
    operation: 'use --systemd-cgroup',
    hint: 'leave it out; with podman: --cgroup-manager cgroupfs; with dockerd: --exec-opt native.cgroupdriver=cgroupfs',
  })
}

export function recordCgroup({ host, cgroupPath: path, systemdUnit: unit }: CgroupPlace): ContainerRecord['cgroup'] {
  if (host.cgroupMount === undefined || path === undefined) return undefined
  return { mount: host.cgroupMount, path, ...(unit === undefined ? {} : { unit: unit.name }) }
}
