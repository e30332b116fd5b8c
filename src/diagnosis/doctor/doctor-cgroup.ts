/** Findings about cgroup v2. A pure function of what was read. */
import type { CgroupHierarchy } from '../../cgroup/hierarchy.ts'
import type { Finding } from './finding.ts'

export interface CgroupFacts {
  readonly hierarchy: CgroupHierarchy
  /** Of the root of the v2 hierarchy. */
  readonly controllers: readonly string[]
  /** That the kernel has and that are not disabled at boot. */
  readonly kernelControllers: readonly string[]
  /** The mount shows a part of the hierarchy, as in a container. */
  readonly mountIsInside: boolean
  /** How many processes are in the cgroup at the mount itself. */
  readonly processes: number
  /** cgroup.kill, since Linux 5.14. */
  readonly hasKill: boolean
}

/** What each controller is for; without the first three the usual limits do not work. */
const wanted = [
  ['memory', 'fail', '--memory'],
  ['pids', 'fail', '--pids-limit'],
  ['cpu', 'fail', '--cpus'],
  ['io', 'warn', 'io limits'],
  ['cpuset', 'warn', '--cpuset-cpus'],
] as const

/** Written to the boot loader's configuration; the backslash is sed's. */
function bootWith(parameter: string): string {
  return `sed -i 's/^GRUB_CMDLINE_LINUX="/&${parameter} /' /etc/default/grub && update-grub && reboot`
}

const unifiedOnly = bootWith('systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all')

export function checkCgroups(facts: CgroupFacts): Finding[] {
  const { hierarchy } = facts
  if (hierarchy.mountHostPath === undefined) return [missingHierarchy(hierarchy)]
  return [
    hierarchyFinding(facts, hierarchy.mountHostPath),
    ...wanted.map(([name, severity, purpose]) => controllerFinding(facts, name, severity, purpose)),
    ...occupiedRoot(facts, hierarchy.mountHostPath),
    killFinding(facts),
  ]
}

function missingHierarchy({ mode }: CgroupHierarchy): Finding {
  const id = 'cgroup'
  if (mode === 'legacy') return { id, status: 'fail', message: 'cgroup v1 alone is mounted', fix: unifiedOnly }
  return {
    id,
    status: 'fail',
    message: 'no cgroup hierarchy is mounted',
    fix: 'mount -t cgroup2 cgroup2 /sys/fs/cgroup',
  }
}

function hierarchyFinding({ hierarchy: { mode, v1Controllers } }: CgroupFacts, mount: string): Finding {
  const id = 'cgroup'
  if (mode === 'unified') return { id, status: 'ok', message: `cgroup v2 at ${mount}` }
  const held = v1Controllers.length === 0 ? 'no controllers' : v1Controllers.join(', ')
  return {
    id,
    status: 'warn',
    message: `hybrid hierarchy: cgroup v2 at ${mount}, beside cgroup v1 which holds ${held}`,
    fix: unifiedOnly,
  }
}

function controllerFinding(
  { hierarchy, controllers, kernelControllers }: CgroupFacts,
  name: string,
  severity: 'warn' | 'fail',
  purpose: string,
): Finding {
  const id = `cgroup.${name}`
  if (controllers.includes(name)) return { id, status: 'ok', message: `controller ${name}` }
  const missing = `controller ${name}, for ${purpose}, is missing`
  if (hierarchy.v1Controllers.includes(name === 'io' ? 'blkio' : name))
    return { id, status: severity, message: `${missing}: a cgroup v1 hierarchy holds it`, fix: unifiedOnly }
  if (kernelControllers.includes(name))
    return {
      id,
      status: severity,
      message: `${missing}: whoever made this cgroup has not delegated it`,
      fix: `systemctl set-property UNIT Delegate=yes, or echo +${name} into cgroup.subtree_control of each parent`,
    }
  const parameter = name === 'memory' ? 'cgroup_enable=memory' : `cgroup_enable=${name}`
  return {
    id,
    status: severity,
    message: `${missing}: the kernel has it disabled or is built without it`,
    fix: bootWith(parameter),
  }
}

/** "No internal processes": a cgroup other than the true root that has processes gives its children no controllers. */
function occupiedRoot({ mountIsInside, processes }: CgroupFacts, mount: string): Finding[] {
  if (!mountIsInside || processes === 0) return []
  return [
    {
      id: 'cgroup.occupied',
      status: 'fail',
      message: `${processes} processes are in ${mount} itself: it can give no controllers to containers`,
      fix: `mkdir ${mount}/init && for pid in $(cat ${mount}/cgroup.procs); do echo $pid >${mount}/init/cgroup.procs; done`,
    },
  ]
}

function killFinding({ hasKill }: CgroupFacts): Finding {
  const id = 'cgroup.kill'
  if (hasKill) return { id, status: 'ok', message: 'cgroup.kill' }
  return { id, status: 'fail', message: 'cgroup.kill is missing', fix: 'boot Linux 5.14 or later' }
}
