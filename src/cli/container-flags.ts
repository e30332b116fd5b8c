/** The flags that say what a container shall be, of `run` and `plan`, and the library's options that they mean. */
import { type Command, Option } from 'commander'
import type { ContainerOptions } from '../index.ts'
import { collect, collectPair } from './collect.ts'
import { readEnvironment } from './env-file.ts'
import { parseMount } from './mount-flag.ts'
import { parseNumber } from './parse-number.ts'

export interface LimitFlags {
  readonly cgroupConf?: Record<string, string>
  readonly cpuShares?: number
  readonly cpus?: number
  readonly cpusetCpus?: string
  readonly cpusetMems?: string
  readonly memory?: string
  readonly memoryReservation?: string
  readonly memorySwap?: string
  readonly pidsLimit?: number
}

export interface ContainerFlags extends LimitFlags {
  readonly capAdd?: string[]
  readonly capDrop?: string[]
  readonly entrypoint?: string
  readonly env?: string[]
  readonly envFile?: string[]
  readonly hostname?: string
  readonly label?: Record<string, string>
  readonly mount?: Required<ContainerOptions>['mounts'][number][]
  readonly name?: string
  readonly network?: 'none' | 'host'
  readonly oomScoreAdj?: number
  readonly privileged?: boolean
  readonly readOnly?: boolean
  readonly securityOpt?: string[]
  readonly shmSize?: string
  readonly stopSignal?: string
  readonly sysctl?: Record<string, string>
  readonly tmpfs?: string[]
  readonly tty?: boolean
  readonly ulimit?: string[]
  readonly user?: string
  readonly volume?: string[]
  readonly workdir?: string
}

/** Limits, which `update` can change. */
export function addLimitFlags(command: Command): Command {
  return command
    .option('-m, --memory <SIZE>', 'memory limit, such as 64m')
    .option('--memory-reservation <SIZE>', 'memory that is reclaimed last')
    .option('--memory-swap <SIZE>', 'memory and swap together; -1: no limit')
    .option('--cpus <NUMBER>', 'CPU time, such as 0.5', parseNumber)
    .option('--cpu-shares <NUMBER>', 'weight against others, 2 to 262144', parseNumber)
    .option('--cpuset-cpus <LIST>', 'CPUs to run on, such as 0-3,7')
    .option('--cpuset-mems <LIST>', 'memory nodes to use')
    .option('--pids-limit <NUMBER>', 'most processes and threads; -1: no limit', parseNumber)
    .option('--cgroup-conf <FILE=VALUE>', 'a cgroup v2 file, such as memory.high=48M', collectPair)
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
    .option('--entrypoint <COMMAND>', "replaces the image's entrypoint; empty: none")
    .option('-t, --tty', 'give it a terminal')
    .option('-h, --hostname <NAME>', 'host name (default: the beginning of the id)')
    .addOption(new Option('--network <MODE>', 'none: loopback alone (default); host').choices(['none', 'host']))
    .option('-v, --volume <SOURCE:DIR[:OPTIONS]>', 'mount a directory of the host, or a volume by name', collect)
    .option('--mount <KEY=VALUE,…>', 'the same as type=bind|volume|tmpfs,source=…,target=…,readonly', collectMount)
    .option('--tmpfs <DIR[:OPTIONS]>', 'temporary file system; options such as size=64m', collect)
    .option('--shm-size <SIZE>', 'size of /dev/shm (default: 64m)')
    .option('--read-only', 'read-only root file system')
    .option('--cap-add <CAPABILITY>', 'add a capability, or ALL', collect)
    .option('--cap-drop <CAPABILITY>', 'drop a capability, or ALL', collect)
    .option('--privileged', 'all capabilities and devices, no seccomp filter')
    .option('--security-opt <OPTION>', 'no-new-privileges, seccomp=unconfined, seccomp=FILE, …', collect)
    .option('--ulimit <NAME=SOFT:HARD>', 'resource limit, such as nofile=1024:2048', collect)
    .option('--sysctl <NAME=VALUE>', 'kernel parameter of its namespaces', collectPair)
    .option('--oom-score-adj <NUMBER>', '-1000 to 1000', parseNumber)
    .option('--stop-signal <SIGNAL>', 'signal that asks it to stop')
    .option('-l, --label <NAME=VALUE>', 'label', collectPair)
}

function collectMount(
  text: string,
  previous: NonNullable<ContainerFlags['mount']> = [],
): NonNullable<ContainerFlags['mount']> {
  return [...previous, parseMount(text)]
}

/** Names of the library where they are not those of the flags. */
const renamed: Partial<Record<keyof ContainerFlags, keyof ContainerOptions>> = {
  cgroupConf: 'unified',
  label: 'labels',
  mount: 'mounts',
  pidsLimit: 'pids',
  readOnly: 'readonlyRootfs',
  sysctl: 'sysctls',
  tty: 'terminal',
  ulimit: 'ulimits',
  volume: 'volumes',
  workdir: 'cwd',
}

const same: readonly (keyof ContainerFlags & keyof ContainerOptions)[] = [
  'capAdd',
  'capDrop',
  'cpuShares',
  'cpus',
  'cpusetCpus',
  'cpusetMems',
  'entrypoint',
  'hostname',
  'memory',
  'memoryReservation',
  'memorySwap',
  'name',
  'network',
  'oomScoreAdj',
  'privileged',
  'securityOpt',
  'shmSize',
  'stopSignal',
  'tmpfs',
  'user',
]

/** @throws UtsuwaError INVALID_ARGUMENT for an environment file that cannot be read */
export function containerOptions(flags: ContainerFlags, args: readonly string[]): ContainerOptions {
  const env = readEnvironment(flags)
  const names = [...Object.entries(renamed), ...same.map(name => [name, name] as const)]
  const given = names.flatMap(([flag, option]) => {
    const value = flags[flag as keyof ContainerFlags]
    return value === undefined ? [] : [[option, value] as const]
  })
  return {
    ...(Object.fromEntries(given) as ContainerOptions),
    ...(env.length === 0 ? {} : { env }),
    ...(args.length === 0 ? {} : { args }),
  }
}
