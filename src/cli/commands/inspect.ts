import { type Command, Option } from 'commander'
import {
  type ContainerDetails,
  type ImageDetails,
  inspectContainer,
  inspectImage,
  isUtsuwaError,
  type Roots,
  UtsuwaError,
} from '../../index.ts'
import type { LinuxResources } from '../../spec/runtime.ts'
import { forEachArgument } from '../flags/each-argument.ts'
import { printableJson } from '../flags/output-format.ts'
import { rootsOf } from '../flags/roots.ts'
import { writeAll } from '../print/write.ts'

interface InspectFlags {
  readonly type?: 'container' | 'image'
}

export const examples = ['utsuwa inspect web', 'utsuwa inspect --type image alpine']

export function define(command: Command): void {
  command
    .argument('<NAME...>', 'containers or images, by name, id or its beginning')
    .addOption(
      new Option('--type <TYPE>', 'container or image (default: whichever there is)').choices(['container', 'image']),
    )
    .action(async (names: string[], { type }: InspectFlags) => {
      const found: object[] = []
      await forEachArgument(names, async name => void found.push(await inspect(name, type, rootsOf(command))))
      writeAll(1, `${printableJson(found)}\n`)
    })
}

async function inspect(name: string, type: InspectFlags['type'], roots: Roots): Promise<object> {
  if (type === 'container') return describeContainer(await inspectContainer(name, roots))
  if (type === 'image') return describeImage(await inspectImage(name, roots))
  try {
    return describeContainer(await inspectContainer(name, roots))
  } catch (error) {
    if (!isUtsuwaError(error, 'CONTAINER_NOT_FOUND')) throw error
  }
  try {
    return describeImage(await inspectImage(name, roots))
  } catch (error) {
    if (!isUtsuwaError(error, 'IMAGE_NOT_FOUND')) throw error
    throw new UtsuwaError('IMAGE_NOT_FOUND', 'no such container or image', {
      operation: `inspect ${name}`,
      hint: `utsuwa pull ${name}`,
      cause: error,
    })
  }
}

/** Docker's names of things, which scripts look for. */
export function describeImage(image: ImageDetails): object {
  const { config } = image
  return {
    Id: image.id,
    RepoTags: image.names.filter(name => !name.includes('@')),
    RepoDigests: image.repoDigests,
    Digest: image.manifestDigest,
    Created: image.created ?? null,
    Author: config.author ?? '',
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    Size: image.size,
    Config: config.config ?? {},
    RootFS: { Type: 'layers', Layers: image.diffIds },
    Layers: image.layers.map(({ digest, diffId, mediaType, size, unpackedSize }) => ({
      Digest: digest,
      DiffId: diffId,
      MediaType: mediaType,
      Size: size,
      UnpackedSize: unpackedSize ?? null,
    })),
    ManifestMediaType: image.manifestMediaType,
    Annotations: image.annotations,
    History: config.history ?? [],
  }
}

export function describeContainer(container: ContainerDetails): object {
  const { spec, status } = container
  const [path = '', ...args] = container.command
  return {
    Id: container.id,
    Name: container.name ?? '',
    Created: container.created,
    Path: path,
    Args: args,
    State: {
      Status: status === 'stopped' ? 'exited' : status,
      Running: status === 'running' || status === 'paused',
      Paused: status === 'paused',
      OOMKilled: container.oom ?? false,
      Pid: container.pid,
      ExitCode: container.exitCode ?? null,
      Error: container.error ?? '',
      StartedAt: container.started ?? null,
      FinishedAt: container.finished ?? null,
    },
    HostConfig: {
      ...describeLimits(spec?.linux?.resources),
      ReadonlyRootfs: spec?.root?.readonly ?? false,
      RestartPolicy: { Name: container.restart.name, MaximumRetryCount: container.restart.maxRetries ?? 0 },
    },
    RestartCount: container.restarts,
    LogPath: container.log ?? null,
    Image: container.image ?? null,
    Config: {
      Hostname: spec?.hostname ?? '',
      User: spec?.process === undefined ? '' : `${spec.process.user.uid}:${spec.process.user.gid}`,
      Tty: spec?.process?.terminal ?? false,
      Env: spec?.process?.env ?? [],
      Cmd: spec?.process?.args ?? [],
      WorkingDir: spec?.process?.cwd ?? '',
      Labels: container.labels,
    },
    Mounts: (spec?.mounts ?? []).map(({ type, source, destination, options }) => ({
      ...describeSource(container.volumes.find(volume => volume.destination === destination)?.name, type),
      Source: source ?? '',
      Destination: destination,
      Options: options ?? [],
    })),
    NetworkSettings: describeNetwork(container),
    CgroupPath: container.cgroup ?? null,
    Directory: container.directory,
    Rootfs: container.rootfs,
    Spec: spec ?? null,
  }
}

/** Docker's units, with 0 for what is not limited. */
function describeLimits({ memory = {}, cpu = {}, pids = {}, blockIO = {} }: LinuxResources = {}): object {
  const { quota = 0, period = 100_000 } = cpu
  return {
    Memory: memory.limit ?? 0,
    MemoryReservation: memory.reservation ?? 0,
    MemorySwap: memory.swap ?? 0,
    NanoCpus: Number(quota) > 0 ? Math.round((Number(quota) / Number(period)) * 1e9) : 0,
    CpuShares: cpu.shares ?? 0,
    CpuQuota: quota,
    CpuPeriod: cpu.period ?? 0,
    CpusetCpus: cpu.cpus ?? '',
    CpusetMems: cpu.mems ?? '',
    PidsLimit: pids.limit ?? 0,
    BlkioWeight: blockIO.weight ?? 0,
  }
}

function describeNetwork({ connection, ports }: ContainerDetails): object {
  const [IPAddress = '', prefix = '0'] = connection?.address?.split('/') ?? []
  const place = {
    IPAddress,
    IPPrefixLen: Number(prefix),
    Gateway: connection?.gateway ?? '',
    MacAddress: connection?.macAddress ?? '',
  }
  const byPort = Map.groupBy(ports, ({ containerPort, protocol }) => `${containerPort}/${protocol}`)
  const hostPorts = [...byPort].map(([name, each]) => [
    name,
    each.map(({ hostIp, hostPort }) => ({ HostIp: hostIp || '0.0.0.0', HostPort: String(hostPort) })),
  ])
  return {
    ...place,
    Ports: Object.fromEntries(hostPorts),
    Networks: connection === undefined ? {} : { [connection.network]: place },
  }
}

/** A volume is a bind mount in the runtime spec. */
function describeSource(volume: string | undefined, type = ''): object {
  return volume === undefined ? { Type: type } : { Type: 'volume', Name: volume }
}
