/** The flags that say what a container shall be, of `run` and `plan`, and the library's options that they mean. */
import { type Command, Option } from 'commander'
import type { ContainerOptions } from '../../index.ts'
import { collect, collectLabel, collectPair } from './collect.ts'
import { readEnvironment } from './env-file.ts'
import { readLabels } from './label-file.ts'
import { addLimitFlags, type LimitFlags, sameLimits } from './limit-flags.ts'
import { parseMount } from './mount-flag.ts'
import { parseNumber } from './parse-number.ts'

export interface ContainerFlags extends LimitFlags {
  readonly annotation?: Record<string, string>
  readonly capAdd?: string[]
  readonly capDrop?: string[]
  readonly cgroupParent?: string
  readonly cgroupns?: 'private' | 'host'
  readonly device?: string[]
  readonly deviceCgroupRule?: string[]
  readonly domainname?: string
  readonly entrypoint?: string
  readonly env?: string[]
  readonly envFile?: string[]
  readonly groupAdd?: string[]
  readonly hostname?: string
  readonly init?: boolean
  readonly ipc?: string
  readonly label?: Record<string, string>
  readonly labelFile?: string[]
  readonly mount?: Required<ContainerOptions>['mounts'][number][]
  readonly name?: string
  readonly addHost?: string[]
  readonly dns?: string[]
  readonly dnsOption?: string[]
  readonly dnsSearch?: string[]
  readonly ip?: string
  readonly macAddress?: string
  readonly network?: string
  readonly networkAlias?: string[]
  readonly publish?: string[]
  readonly oomScoreAdj?: number
  readonly pid?: string
  readonly privileged?: boolean
  readonly readOnly?: boolean
  readonly securityOpt?: string[]
  readonly shmSize?: string
  readonly stopSignal?: string
  readonly stopTimeout?: number
  readonly sysctl?: Record<string, string>
  readonly tmpfs?: string[]
  readonly tty?: boolean
  readonly ulimit?: string[]
  readonly user?: string
  readonly userns?: 'host' | 'auto'
  readonly uts?: string
  readonly volume?: string[]
  readonly workdir?: string
}

export function addContainerFlags(command: Command): Command {
  // -h is the host name's, as docker has it.
  return addLimitFlags(command)
    .helpOption('--help', 'show this help')
    .option('--name <NAME>', 'name of the container')
    .option('-e, --env <NAME=VALUE>', 'environment variable; NAME alone takes the value from here', collect)
    .option('--env-file <FILE>', 'environment variables, one a line', collect)
    .option('-w, --workdir <DIR>', 'working directory in the container')
    .option('-u, --user <USER>', 'name or uid, and :group or :gid')
    .option('--group-add <GROUP>', 'a further group, by name or number', collect)
    .option('--entrypoint <COMMAND>', "replaces the image's entrypoint; empty: none")
    .option('-t, --tty', 'give it a terminal')
    .option('-h, --hostname <NAME>', 'host name (default: the beginning of the id)')
    .option('--domainname <NAME>', 'NIS domain name')
    .option('--network <NETWORK>', 'name of a network, none, host, or container:NAME', 'bridge')
    .option('-p, --publish <[[IP:]HOST:]PORT[/PROTOCOL]>', 'lead a port of the host to one of the container', collect)
    .option('--ip <ADDRESS>', 'its IPv4 address in the network')
    .option('--mac-address <ADDRESS>', 'its MAC address in the network')
    .option('--network-alias <NAME>', 'a further name for other containers of the network', collect)
    .option('--dns <ADDRESS>', "name server (default: the host's)", collect)
    .option('--dns-search <DOMAIN>', "domain to look names up in (default: the host's)", collect)
    .option('--dns-option <OPTION>', "option of resolv.conf(5) (default: the host's)", collect)
    .option('--add-host <NAME:ADDRESS>', 'a line of /etc/hosts; the address host-gateway is the host', collect)
    .option('-v, --volume <SOURCE:DIR[:OPTIONS]>', 'mount a directory of the host, or a volume by name', collect)
    .option('--mount <KEY=VALUE,…>', 'the same as type=bind|volume|tmpfs,source=…,target=…,readonly', collectMount)
    .option('--tmpfs <DIR[:OPTIONS]>', 'temporary file system; options such as size=64m', collect)
    .option('--pid <MODE>', 'process ids: private (default), host, or container:NAME to share')
    .option('--ipc <MODE>', 'System V IPC and message queues: private (default), host, none, or container:NAME')
    .option('--uts <MODE>', 'host name: private (default), host, or container:NAME to share')
    .addOption(
      new Option('--userns <MODE>', 'user ids: host (default), or auto: some of its own').choices(['host', 'auto']),
    )
    .addOption(new Option('--cgroupns <MODE>', 'private (default) or host').choices(['private', 'host']))
    .option('--cgroup-parent <PATH>', 'cgroup to make its own in (default: /utsuwa)')
    .option('--shm-size <SIZE>', 'size of /dev/shm (default: 64m)')
    .option('--read-only', 'read-only root file system')
    .option('--device <HOST[:CONTAINER][:rwm]>', 'a device of this machine, or all below a directory', collect)
    .option('--device-cgroup-rule <RULE>', 'what may be made and opened, such as "c 42:* rmw"', collect)
    .option('--cap-add <CAPABILITY>', 'add a capability, or ALL', collect)
    .option('--cap-drop <CAPABILITY>', 'drop a capability, or ALL', collect)
    .option('--privileged', 'all capabilities and devices, no seccomp filter')
    .option('--security-opt <OPTION>', 'no-new-privileges, seccomp=unconfined, seccomp=FILE, …', collect)
    .option('--ulimit <NAME=SOFT:HARD>', 'resource limit, such as nofile=1024:2048', collect)
    .option('--sysctl <NAME=VALUE>', 'kernel parameter of its namespaces', collectPair)
    .option('--oom-score-adj <NUMBER>', '-1000 to 1000', parseNumber)
    .option('--init', 'a first process that passes signals on and takes care of orphans')
    .option('--stop-signal <SIGNAL>', 'signal that asks it to stop')
    .option('--stop-timeout <SECONDS>', 'from that signal to SIGKILL; -1: never (default: 10)', parseNumber)
    .option('-l, --label <NAME=VALUE>', 'label', collectLabel)
    .option('--label-file <FILE>', 'labels, one a line', collect)
    .option('--annotation <NAME=VALUE>', 'annotation of the runtime spec', collectLabel)
}

function collectMount(
  text: string,
  previous: NonNullable<ContainerFlags['mount']> = [],
): NonNullable<ContainerFlags['mount']> {
  return [...previous, parseMount(text)]
}

/** Names of the library where they are not those of the flags. */
const renamed: Partial<Record<keyof ContainerFlags, keyof ContainerOptions>> = {
  addHost: 'extraHosts',
  annotation: 'annotations',
  cgroupConf: 'unified',
  device: 'devices',
  deviceCgroupRule: 'deviceCgroupRules',
  dnsOption: 'dnsOptions',
  mount: 'mounts',
  networkAlias: 'networkAliases',
  pidsLimit: 'pids',
  publish: 'ports',
  readOnly: 'readonlyRootfs',
  sysctl: 'sysctls',
  tty: 'terminal',
  ulimit: 'ulimits',
  volume: 'volumes',
  workdir: 'cwd',
}

const same: readonly (keyof ContainerFlags & keyof ContainerOptions)[] = [
  ...sameLimits,
  'capAdd',
  'capDrop',
  'cgroupParent',
  'cgroupns',
  'domainname',
  'dns',
  'dnsSearch',
  'entrypoint',
  'groupAdd',
  'hostname',
  'init',
  'ipc',
  'ip',
  'macAddress',
  'name',
  'network',
  'oomScoreAdj',
  'pid',
  'privileged',
  'securityOpt',
  'shmSize',
  'stopSignal',
  'stopTimeout',
  'tmpfs',
  'user',
  'userns',
  'uts',
]

/** @throws UtsuwaError INVALID_ARGUMENT for an environment file that cannot be read */
export function containerOptions(flags: ContainerFlags, args: readonly string[]): ContainerOptions {
  const env = readEnvironment(flags)
  const labels = readLabels(flags)
  const names = [...Object.entries(renamed), ...same.map(name => [name, name] as const)]
  const given = names.flatMap(([flag, option]) => {
    const value = flags[flag as keyof ContainerFlags]
    return value === undefined ? [] : [[option, value] as const]
  })
  return {
    // With docker's flags comes an /etc/hosts of its own, also where there is nobody to know.
    ...(flags.network === 'none' && { extraHosts: [] }),
    ...(Object.fromEntries(given) as ContainerOptions),
    ...(env.length === 0 ? {} : { env }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(args.length === 0 ? {} : { args }),
  }
}
