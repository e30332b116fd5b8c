import { type Mount, OCI_VERSION, type RuntimeSpec } from '../../spec/runtime.ts'

export interface DefaultBundleOptions {
  /** For a user without privileges: a user namespace that maps this user to root, and nothing that needs more. */
  rootless?: { uid: number; gid: number }
  /** Whether the host has cgroup v2 alone, where a cgroup namespace hides the rest of the hierarchy. */
  cgroupNamespace?: boolean
}

/** A starting point for a config.json to edit: what `utsuwa-oci spec` prints, member for member what runc's does. */
export function defaultBundleSpec({ rootless, cgroupNamespace = false }: DefaultBundleOptions = {}): RuntimeSpec {
  const spec = privilegedSpec()
  if (cgroupNamespace) spec.linux!.namespaces!.push({ type: 'cgroup' })
  return rootless === undefined ? spec : toRootless(spec, rootless)
}

function privilegedSpec(): RuntimeSpec {
  const capabilities = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE']
  return {
    ociVersion: OCI_VERSION,
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ['sh'],
      env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'],
      cwd: '/',
      capabilities: {
        bounding: [...capabilities],
        effective: [...capabilities],
        permitted: [...capabilities],
        ambient: [...capabilities],
      },
      rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: true },
    hostname: 'utsuwa',
    mounts: defaultMounts(),
    linux: {
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      namespaces: [{ type: 'pid' }, { type: 'network' }, { type: 'ipc' }, { type: 'uts' }, { type: 'mount' }],
      maskedPaths: [
        '/proc/acpi',
        '/proc/asound',
        '/proc/kcore',
        '/proc/keys',
        '/proc/latency_stats',
        '/proc/timer_list',
        '/proc/timer_stats',
        '/proc/sched_debug',
        '/sys/firmware',
        '/proc/scsi',
      ],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
    },
  }
}

function defaultMounts(): Mount[] {
  const quiet = ['nosuid', 'noexec', 'nodev']
  return [
    { destination: '/proc', type: 'proc', source: 'proc' },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...quiet, 'mode=1777', 'size=65536k'] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: quiet },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...quiet, 'ro'] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...quiet, 'relatime', 'ro'] },
  ]
}

function toRootless(spec: RuntimeSpec, { uid, gid }: { uid: number; gid: number }): RuntimeSpec {
  const { resources: _, namespaces = [], ...linux } = spec.linux ?? {}
  return {
    ...spec,
    mounts: (spec.mounts ?? []).map(toRootlessMount),
    linux: {
      uidMappings: [{ containerID: 0, hostID: uid, size: 1 }],
      gidMappings: [{ containerID: 0, hostID: gid, size: 1 }],
      namespaces: [...namespaces.filter(({ type }) => type !== 'network'), { type: 'user' }],
      ...linux,
    },
  }
}

function toRootlessMount(mount: Mount): Mount {
  // sysfs can be mounted only by who owns the network namespace, and the host's stays in use
  if (mount.destination === '/sys') {
    return { destination: '/sys', type: 'none', source: '/sys', options: ['rbind', 'nosuid', 'noexec', 'nodev', 'ro'] }
  }
  // groups other than the mapped one do not exist in the container
  const { options, ...rest } = mount
  return options === undefined ? rest : { ...rest, options: options.filter(option => !/^[ug]id=/.test(option)) }
}
