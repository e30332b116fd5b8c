/** What a caller of `run` and `create` can ask for: the library's options, which the command line's flags fill in. */

/** What is asked of a container; what is left out is as the image says, or as docker has it. */
export interface ContainerOptions {
  /** By which commands find the container; kept beside its state, not in the runtime spec. */
  name?: string

  /** The command, or the arguments of the entrypoint; replaces the image's Cmd. */
  args?: readonly string[]
  /** Replaces the image's Entrypoint, and drops its Cmd. An empty string or list: no entrypoint. */
  entrypoint?: string | readonly string[]
  /** `NAME=value`, or `NAME` alone for the caller's own value; or a record. Overrides the image's. */
  env?: readonly string[] | Readonly<Record<string, string>>
  /** Absolute container path; the image's WorkingDir, else `/`. */
  cwd?: string
  /** `name`, `uid`, `name:group` or `uid:gid`; the image's User, else root. */
  user?: string
  /** Further groups of the user, by name or number. */
  groupAdd?: readonly string[]
  /** Give the command a terminal of its own; stdout and stderr are then one stream. Default: false. */
  terminal?: boolean
  /** A small first process that runs the command, passes signals on to it and takes note of the end of orphans. */
  init?: boolean
  /** Name or number; the image's StopSignal, else SIGTERM. */
  stopSignal?: string
  /** Seconds between the stop signal and SIGKILL; negative: never. Default: 10. */
  stopTimeout?: number

  /** The first 12 characters of the id when absent. */
  hostname?: string
  /** NIS domain name. */
  domainname?: string
  /**
   * `none` (the default): a network of its own with nothing but loopback. `host`: the host's. `container:ID`: that of
   * another one. Otherwise the name of a network: `bridge`, which leads to the world, or one of `createNetwork`.
   */
  network?: string
  /** Ports of the host that lead to ports of the container: `[[ip:]host:]container[/protocol]`, each may be a range. */
  ports?: readonly string[]
  /** Its IPv4 address in the network; one that is free when absent. */
  ip?: string
  /** Its hardware address, such as `02:42:ac:11:00:02`; one that the kernel makes up when absent. */
  macAddress?: string
  /** Further names that containers of the same network know it by. */
  networkAliases?: readonly string[]
  /** Addresses of name servers; the host's when absent. */
  dns?: readonly string[]
  /** Domains to look for names in; the host's when absent. */
  dnsSearch?: readonly string[]
  /** Options of resolv.conf(5), such as `ndots:2`; the host's when absent. */
  dnsOptions?: readonly string[]
  /** Lines of /etc/hosts, as `name:address`; the address `host-gateway` is the host's. */
  extraHosts?: readonly string[]

  /** `private` (the default), `host`, or `container:` and a name or an id: whose processes it sees. */
  pid?: string
  /** The same choice for System V IPC and POSIX message queues; with `host` also for /dev/shm. `none`: private, without /dev/shm. */
  ipc?: string
  /** The same choice for the host name. */
  uts?: string
  /** `private` (the default): it sees its own cgroup as the root of all; or `host`. */
  cgroupns?: 'private' | 'host'
  /**
   * `host` (the default): its user ids are the host's; or `auto`: a user namespace with 65536 ids that no other container
   * has, in which its root is an unprivileged user of the host. For images.
   */
  userns?: 'host' | 'auto'
  /** cgroup that its own is made in. Default: `/utsuwa`. */
  cgroupParent?: string

  /** Bytes, or text such as `64MiB`. */
  memory?: number | string
  /** Bytes that are reclaimed last; written to memory.low. */
  memoryReservation?: number | string
  /** Memory and swap together; −1 for unlimited swap. */
  memorySwap?: number | string
  /** CPUs' worth of time, such as 0.5. At least 0.01. */
  cpus?: number
  /** Microseconds in each period, of all CPUs together; instead of `cpus`. */
  cpuQuota?: number
  /** Length of the period in microseconds, 1000 to 1000000. Default: 100000. */
  cpuPeriod?: number
  /** Relative weight, 2 to 262144; the default of the kernel corresponds to 1024. */
  cpuShares?: number
  /** CPU list such as `0-3,7`. */
  cpusetCpus?: string
  /** Memory node list such as `0-1`. */
  cpusetMems?: string
  /** Processes and threads; 0 or −1 for unlimited. */
  pids?: number
  /** Weight against others on block devices, 10 to 1000. */
  blkioWeight?: number
  /** Block I/O weight of single devices: `/dev/sda:200`. */
  blkioWeightDevice?: readonly string[]
  /** Bytes a second: `/dev/sda:1mb`. */
  deviceReadBps?: readonly string[]
  /** Bytes a second: `/dev/sda:1mb`. */
  deviceWriteBps?: readonly string[]
  /** Operations a second: `/dev/sda:100`. */
  deviceReadIops?: readonly string[]
  /** Operations a second: `/dev/sda:100`. */
  deviceWriteIops?: readonly string[]
  /** cgroup v2 files by name: `{ 'memory.high': '48M' }`. */
  unified?: Readonly<Record<string, string>>

  /**
   * `host:container[:options]`, where the host path begins with `/`, `./` or `../`; `name:container[:options]` for a volume
   * with a name, made when it is missing; `container` for a new one without. Options are ro, rw, z, Z, nocopy, and names of
   * propagation.
   */
  volumes?: readonly string[]
  /** Mounts in the terms of the runtime specification; and `volume`, whose source is the name of one, or absent. */
  mounts?: readonly MountOption[]
  /** Container paths, with tmpfs options behind a colon: `/run:size=64m,mode=755`. */
  tmpfs?: readonly string[]
  /** Size of /dev/shm in bytes or text; 64 MiB when absent. */
  shmSize?: number | string
  /** Refuse writes to the root file system; mounts stay as they are. Default: false. */
  readonlyRootfs?: boolean

  /** Names with or without `CAP_`, or `ALL`. */
  capAdd?: readonly string[]
  /** Taken away from those that a container has by default; names as for `capAdd`. */
  capDrop?: readonly string[]
  /** Devices of the host: `/dev/fuse`, `/dev/sda:/dev/disk:r`; of a directory all that are below. */
  devices?: readonly string[]
  /** What else may be made and opened: `c 42:* rmw`. */
  deviceCgroupRules?: readonly string[]
  /** All capabilities, all devices, no seccomp filter, nothing masked or read-only. */
  privileged?: boolean
  /** `no-new-privileges`, `seccomp=unconfined`, `seccomp=FILE`, `apparmor=PROFILE`, `label=…`. */
  securityOpt?: readonly string[]
  /** `nofile=1024:2048`, soft and hard; −1 for unlimited. */
  ulimits?: readonly string[]
  /** −1000 to 1000. */
  oomScoreAdj?: number
  /** Kernel parameters of its own namespaces, by name: `{ 'net.core.somaxconn': '1024' }`. */
  sysctls?: Readonly<Record<string, string>>

  /** For people and `ps`; kept beside its state, not in the runtime spec. */
  labels?: Readonly<Record<string, string>>
  /** Annotations of the runtime spec. */
  annotations?: Readonly<Record<string, string>>
}

/** Limits that can change while a container lives. */
export type UpdateOptions = Pick<
  ContainerOptions,
  | 'memory'
  | 'memoryReservation'
  | 'memorySwap'
  | 'cpus'
  | 'cpuQuota'
  | 'cpuPeriod'
  | 'cpuShares'
  | 'cpusetCpus'
  | 'cpusetMems'
  | 'pids'
  | 'blkioWeight'
  | 'blkioWeightDevice'
  | 'deviceReadBps'
  | 'deviceWriteBps'
  | 'deviceReadIops'
  | 'deviceWriteIops'
  | 'unified'
>

/** A mount of the runtime specification, by the names it has there (config.md, "Mounts"). */
export interface MountOption {
  /** Absolute container path. */
  destination: string
  source?: string
  type?: string
  options?: readonly string[]
}

/** The part of an OCI image config that a container is made of: its `config` object. */
export interface ImageRunConfig {
  User?: string
  Env?: readonly string[]
  Entrypoint?: readonly string[]
  Cmd?: readonly string[]
  WorkingDir?: string
  StopSignal?: string
  Volumes?: Readonly<Record<string, unknown>>
}
