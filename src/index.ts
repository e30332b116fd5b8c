/**
 * utsuwa: containers in process, without a daemon.
 *
 * Nothing here prints or exits. Every error is an `UtsuwaError` with a stable `code`.
 */
import type { Writable } from 'node:stream'
import type { ProcessExplanation } from './diagnosis/explain/explain-process.ts'
import type { Why } from './diagnosis/why/why.ts'
import type { ExportOptions } from './engine/by-name/export.ts'
import type { CreateNetworkOptions } from './engine/connect/make-network.ts'
import type { Network } from './engine/connect/manage-networks.ts'
import type {
  CreateVolumeOptions,
  PrunedVolumes,
  PruneVolumesOptions,
  RemoveVolumeOptions,
} from './engine/connect/manage-volumes.ts'
import type { Pool, PoolOptions } from './engine/container/pool.ts'
import type { Image } from './image/image.ts'
import type { ImportOptions as StoreImportOptions } from './image/import.ts'
import type { Input } from './image/input.ts'
import type { HistoryEntry, ImageDetails } from './image/inspect.ts'
import type { LoadOptions as StoreLoadOptions } from './image/load.ts'
import type { Pruned, PruneOptions as StorePruneOptions } from './image/prune.ts'
import type { PullOptions as StorePullOptions } from './image/pull.ts'
import type { PushedImage, PushOptions as StorePushOptions } from './image/push.ts'
import type { RemovedImage } from './image/remove.ts'
import type { SaveOptions as StoreSaveOptions } from './image/save.ts'
import type { ExperimentInput } from './lab/experiment.ts'
import type { LabResults } from './lab/results.ts'
import type { LabOptions } from './lab/run.ts'
import type { RegistryOptions } from './registry/client.ts'
import type { Credentials } from './registry/credentials.ts'
import type { ReferrersOptions } from './registry/lists.ts'
import type { Login, LoginOptions } from './registry/login.ts'
import type { RegistryManifest } from './registry/manifest.ts'
import { DEFAULT_ROOT, DEFAULT_RUN_ROOT, type Roots } from './runtime/state/roots.ts'
import type { Descriptor } from './spec/image.ts'
import { orAborted } from './util/aborted.ts'
import type { Volume } from './volume/store.ts'

export { type CgroupLimits, type CgroupSample, type ParsedSample, parseSample } from './cgroup/stats/sample.ts'
export type {
  CgroupStats,
  CpuStats,
  IoDeviceStats,
  MemoryEvents,
  Pressure,
  PressureLine,
} from './cgroup/stats/stats.ts'
export type { CgroupUse } from './cgroup/stats/use.ts'
export { type DoctorOptions, doctor } from './diagnosis/doctor/doctor.ts'
export type { Finding } from './diagnosis/doctor/finding.ts'
export type { CgroupExplanation, Maker, ProcessExplanation } from './diagnosis/explain/explain-process.ts'
export type { Cause, CauseCode, Evidence } from './diagnosis/why/cause.ts'
export type { Why } from './diagnosis/why/why.ts'
export {
  containerProcesses,
  containerSamples,
  containerStats,
  killContainer,
  pauseContainer,
  renameContainer,
  resumeContainer,
  updateContainer,
} from './engine/by-name/by-name.ts'
export {
  ContainerProcess,
  type DetachedOptions,
  type ExecOptions,
  type ExecResult,
  type SpawnOptions,
} from './engine/by-name/container-process.ts'
export { archiveFromContainer, type CpOptions, copyFromContainer, copyIntoContainer } from './engine/by-name/cp.ts'
export { exec, spawn, spawnDetached } from './engine/by-name/exec-by-name.ts'
export type { ExportOptions } from './engine/by-name/export.ts'
export { type Connection, type ContainerDetails, inspectContainer } from './engine/by-name/inspect.ts'
export { type ContainerSummary, containers, type ListOptions } from './engine/by-name/list.ts'
export { type RemoveOptions, removeContainer } from './engine/by-name/remove.ts'
export { restartContainer, type StartContainerOptions, startContainer } from './engine/by-name/start-by-name.ts'
export { type StopOptions, stopContainer } from './engine/by-name/stop.ts'
export { type WaitOptions, waitForContainer } from './engine/by-name/wait.ts'
export type { CreateNetworkOptions } from './engine/connect/make-network.ts'
export type { Network } from './engine/connect/manage-networks.ts'
export type {
  CreateVolumeOptions,
  PrunedVolumes,
  PruneVolumesOptions,
  RemoveVolumeOptions,
} from './engine/connect/manage-volumes.ts'
export type { NetworkUse } from './engine/connect/network-use.ts'
export { Container } from './engine/container/container.ts'
export { type CreateOptions, create, planOf } from './engine/container/create.ts'
export type { Pool, PoolOptions, TakeOptions } from './engine/container/pool.ts'
export type { ContainerSource } from './engine/container/prepare.ts'
export type { RunResult } from './engine/container/result.ts'
export { type RunOptions, run } from './engine/container/run.ts'
export { type ChromeTrace, chromeTrace, type Phases, type Span, type TraceSpan } from './engine/container/timeline.ts'
export type { KeepOptions } from './engine/end/keep-ended.ts'
export type { OomKill, Usage } from './engine/end/outcome.ts'
export type { TimedOut } from './engine/end/timeouts.ts'
export type { Archive, CopyInArchiveOptions, CopyOptions, CopyOutOptions } from './engine/files/copy.ts'
export type { FileData, Files } from './engine/files/files.ts'
export { type AttachedOutput, Attachment, type AttachOptions, attach, reopenLog } from './engine/monitor/attach.ts'
export type { DetachedContainerOptions } from './engine/monitor/detached.ts'
export type { LogEntry } from './engine/monitor/log-lines.ts'
export { type LogBlock, type LogsOptions, logBlocks, logs } from './engine/monitor/logs.ts'
export type { CapturedText } from './engine/streams/capture.ts'
export type { ContainerEvent } from './engine/streams/container-events.ts'
export type { LinesOptions, WebStreams } from './engine/streams/process-streams.ts'
export type { SamplesOptions } from './engine/streams/samples.ts'
export type { Stdio, StreamMode } from './engine/streams/stdio.ts'
export {
  type CommandFailure,
  isUtsuwaError,
  UtsuwaError,
  type UtsuwaErrorCode,
  type UtsuwaErrorDetails,
} from './errors.ts'
export type { Image } from './image/image.ts'
export type { Input } from './image/input.ts'
export type { HistoryEntry, ImageDetails, ImageLayer } from './image/inspect.ts'
export type { Pruned } from './image/prune.ts'
export type { PushedImage, PushProgress } from './image/push.ts'
export type { RemovedImage } from './image/remove.ts'
export type { SaveFormat } from './image/save.ts'
export type { PullProgress } from './image/transfer.ts'
export type { ContainerInput, ExperimentInput, MetricInput, SweepInput } from './lab/experiment.ts'
export type { ContainerResult, KillingLevel, LabResults, RunRecord } from './lab/results.ts'
export type { LabOptions, LabProgress } from './lab/run.ts'
export type { ContainerOptions, MountOption, UpdateOptions } from './options/options.ts'
export type { Protocol, PublishedPort } from './options/ports.ts'
export { type CompiledPlan, type CompileInput, compile, type HostFacts } from './plan/compile.ts'
export { explain, planToJson } from './plan/explain.ts'
export type { Operation } from './plan/ops.ts'
export type { FindCredentials } from './registry/auth.ts'
export type { RegistryOptions } from './registry/client.ts'
export type { Credentials } from './registry/credentials.ts'
export type { ReferrersOptions } from './registry/lists.ts'
export type { Login, LoginOptions } from './registry/login.ts'
export type { RegistryManifest } from './registry/manifest.ts'
export type { RateLimit } from './registry/rate-limit.ts'
export type { RetryPolicy } from './registry/retry.ts'
export type { BlobPush } from './registry/upload.ts'
export {
  type FollowOptions,
  followJournal,
  type JournalEvent,
  type JournalEventType,
  readJournal,
} from './runtime/state/journal.ts'
export type { LogOptions, RestartPolicy, VolumeUse } from './runtime/state/record.ts'
export { DEFAULT_ROOT, DEFAULT_RUN_ROOT, type Roots } from './runtime/state/roots.ts'
export type { ContainerStatus } from './runtime/state/status.ts'
export type { ContainerStats } from './runtime/stats.ts'
export type { DiffId, Digest } from './spec/digest.ts'
export type { Descriptor, ImageConfig, Platform } from './spec/image.ts'
export type { RuntimeSpec } from './spec/runtime.ts'
export type { Volume } from './volume/store.ts'

/** Options of `pull`. */
export type PullOptions = Omit<StorePullOptions, 'root'> & Pick<Roots, 'root'>

/**
 * Fetches an image from its registry and unpacks it. Resolves after the unpack.
 * @param reference such as `alpine:3`, `localhost:5000/debian:test`, `name@sha256:…`
 */
export async function pull(reference: string, { root = DEFAULT_ROOT, ...options }: PullOptions = {}): Promise<Image> {
  const { pull: pullInto } = await import('./image/pull.ts')
  return orAborted(options.signal, () => pullInto(reference, { ...options, root }))
}

/** Options of `push`. */
export type PushOptions = Omit<StorePushOptions, 'root'> & Pick<Roots, 'root'>

/**
 * Sends an image of the store to a registry, byte for byte as it is stored.
 * @param nameOrId a name, an image id or its beginning, or a manifest digest
 * @throws UtsuwaError IMAGE_NOT_FOUND, INVALID_ARGUMENT, INVALID_REFERENCE, REGISTRY_*
 */
export async function push(
  nameOrId: string,
  { root = DEFAULT_ROOT, ...options }: PushOptions = {},
): Promise<PushedImage> {
  const { push: pushFrom } = await import('./image/push.ts')
  return orAborted(options.signal, () => pushFrom(nameOrId, { ...options, root }))
}

/**
 * Keeps credentials that a registry accepts where docker and podman keep them.
 * @param registry such as `ghcr.io`, `localhost:5000`
 * @throws UtsuwaError REGISTRY_UNAUTHORIZED, INVALID_REFERENCE, REGISTRY_*
 */
export async function login(registry: string, credentials: Credentials, options: LoginOptions = {}): Promise<Login> {
  const { login: logIn } = await import('./registry/login.ts')
  return logIn(registry, credentials, options)
}

/**
 * Forgets the credentials of a registry.
 * @returns where they were: files, or `docker-credential-…`
 */
export async function logout(registry: string, options: Pick<LoginOptions, 'authFile'> = {}): Promise<string[]> {
  const { logout: logOut } = await import('./registry/login.ts')
  return logOut(registry, options)
}

/** The tags of a repository of a registry, such as `alpine` or `localhost:5000/team/app`. */
export async function tags(repository: string, options: RegistryOptions = {}): Promise<string[]> {
  const { tags: listTags } = await import('./registry/lists.ts')
  return listTags(repository, options)
}

/** What refers to an image in its registry: signatures, attestations, bills of materials. */
export async function referrers(reference: string, options: ReferrersOptions = {}): Promise<Descriptor[]> {
  const { referrers: listReferrers } = await import('./registry/lists.ts')
  return listReferrers(reference, options)
}

/**
 * The manifest or index that a name stands for in its registry; nothing is pulled.
 * @throws UtsuwaError IMAGE_NOT_FOUND, INVALID_REFERENCE, INVALID_SPEC, UNSUPPORTED_MEDIA_TYPE, REGISTRY_*
 */
export async function inspectManifest(reference: string, options: RegistryOptions = {}): Promise<RegistryManifest> {
  const { inspectManifest: inspectAt } = await import('./registry/manifest.ts')
  return inspectAt(reference, options)
}

/** The images of the store, in the order in which they were pulled. */
export async function images({ root = DEFAULT_ROOT }: Pick<Roots, 'root'> = {}): Promise<Image[]> {
  const { listImages } = await import('./image/image.ts')
  return listImages(root)
}

/** Options of `removeImage`. */
export interface RemoveImageOptions extends Pick<Roots, 'root'> {
  /** Remove it although a container uses it, and by its id although it has several names. Default: false. */
  readonly force?: boolean
}

/**
 * Removes a name of an image and, with the last one, the image and what only it uses.
 * @param nameOrId a name, an image id or its beginning, or a manifest digest
 * @throws UtsuwaError IMAGE_NOT_FOUND, IMAGE_IN_USE
 */
export async function removeImage(
  nameOrId: string,
  { root = DEFAULT_ROOT, force = false }: RemoveImageOptions = {},
): Promise<RemovedImage> {
  const { removeImage: removeFrom } = await import('./image/remove.ts')
  return removeFrom(root, nameOrId, { force })
}

/** Options of `prune`. */
export type PruneOptions = StorePruneOptions & Roots

/**
 * Removes images that have no name, or with `all` those that no container uses, and what nothing needs any more: blobs,
 * layers, leftovers of crashes, names of containers that lead nowhere. Works on a full disk.
 */
export async function prune({
  root = DEFAULT_ROOT,
  runRoot = DEFAULT_RUN_ROOT,
  ...options
}: PruneOptions = {}): Promise<Pruned> {
  const [{ prune: pruneStore }, { sweepRunRoot }] = await Promise.all([
    import('./image/prune.ts'),
    import('./engine/by-name/sweep.ts'),
  ])
  sweepRunRoot(runRoot)
  return orAborted(options.signal, () => pruneStore(root, options))
}

/**
 * Gives an image one more name; an image that has it loses it.
 * @throws UtsuwaError IMAGE_NOT_FOUND, INVALID_REFERENCE
 */
export async function tag(
  nameOrId: string,
  name: string,
  { root = DEFAULT_ROOT }: Pick<Roots, 'root'> = {},
): Promise<Image> {
  const { tag: tagIn } = await import('./image/tag.ts')
  return tagIn(root, nameOrId, name)
}

/**
 * All that the store knows of an image.
 * @throws UtsuwaError IMAGE_NOT_FOUND
 */
export async function inspectImage(
  nameOrId: string,
  { root = DEFAULT_ROOT }: Pick<Roots, 'root'> = {},
): Promise<ImageDetails> {
  const { inspectImage: inspectIn } = await import('./image/inspect.ts')
  return inspectIn(root, nameOrId)
}

/**
 * The steps that made an image, the last one first.
 * @throws UtsuwaError IMAGE_NOT_FOUND
 */
export async function history(
  nameOrId: string,
  { root = DEFAULT_ROOT }: Pick<Roots, 'root'> = {},
): Promise<HistoryEntry[]> {
  const { history: historyIn } = await import('./image/inspect.ts')
  return historyIn(root, nameOrId)
}

/** Options of `save`. */
export type SaveOptions = StoreSaveOptions & Pick<Roots, 'root'>

/**
 * Writes images as one archive, or as a directory, that docker, podman, skopeo and `load` read.
 *
 * @param target a file, a directory for `oci-dir`, or a stream
 * @throws UtsuwaError IMAGE_NOT_FOUND, INVALID_ARGUMENT, NO_SPACE
 */
export async function save(
  namesOrIds: string | readonly string[],
  target: string | Writable,
  { root = DEFAULT_ROOT, ...options }: SaveOptions = {},
): Promise<void> {
  const { save: saveFrom } = await import('./image/save.ts')
  const names = typeof namesOrIds === 'string' ? [namesOrIds] : namesOrIds
  return orAborted(options.signal, () => saveFrom(root, names, target, options))
}

/** Options of `load`. */
export type LoadOptions = StoreLoadOptions & Pick<Roots, 'root'>

/**
 * Loads and unpacks the images of an archive or a directory with an OCI image layout.
 *
 * @param input path, or the bytes of an archive
 * @returns the images, once for each name
 */
export async function load(input: Input, { root = DEFAULT_ROOT, ...options }: LoadOptions = {}): Promise<Image[]> {
  const { load: loadInto } = await import('./image/load.ts')
  return orAborted(options.signal, () => loadInto(root, input, options))
}

/** Options of `importImage`. */
export type ImportOptions = StoreImportOptions & Pick<Roots, 'root'>

/**
 * Makes an image of an archive of a root file system.
 * @param input path, or the bytes of an archive
 */
export async function importImage(
  input: Input,
  { root = DEFAULT_ROOT, ...options }: ImportOptions = {},
): Promise<Image> {
  const { importImage: importInto } = await import('./image/import.ts')
  return orAborted(options.signal, () => importInto(root, input, options))
}

/**
 * Writes the file system of a container as a tar archive.
 * @param target a file, or a stream
 * @throws UtsuwaError CONTAINER_NOT_FOUND, INVALID_ARGUMENT, NO_SPACE
 */
export async function exportContainer(
  nameOrId: string,
  target: string | Writable,
  options: ExportOptions = {},
): Promise<void> {
  const { exportContainer: exportFrom } = await import('./engine/by-name/export.ts')
  return orAborted(options.signal, () => exportFrom(nameOrId, target, options))
}

/**
 * Keeps containers created but not started, so that taking one costs the start alone.
 *
 * @example
 * await using pool = await createPool({ image, args: ['sh', '/task.sh'], size: 8, stdio: 'capture', timeout: 5000 })
 * const box = await pool.take({ files: { '/task.sh': script } })
 * const { exitCode, stdout } = await box.wait()
 * @throws UtsuwaError INVALID_ARGUMENT; what creating a container fails with, and none is left then
 */
export async function createPool(options: PoolOptions): Promise<Pool> {
  const { createPool: fillPool } = await import('./engine/container/pool.ts')
  return fillPool(options)
}

/**
 * Makes a volume. One that has the name already is left as it is.
 * @throws UtsuwaError INVALID_ARGUMENT, NOT_ROOT, NO_SPACE
 */
export async function createVolume(options: CreateVolumeOptions = {}): Promise<Volume> {
  const { createVolume: createIn } = await import('./engine/connect/manage-volumes.ts')
  return createIn(options)
}

/** All volumes, by name. */
export async function volumes({ root = DEFAULT_ROOT }: Pick<Roots, 'root'> = {}): Promise<Volume[]> {
  const { listVolumes } = await import('./volume/store.ts')
  return listVolumes(root)
}

/** @throws UtsuwaError VOLUME_NOT_FOUND */
export async function inspectVolume(name: string, { root = DEFAULT_ROOT }: Pick<Roots, 'root'> = {}): Promise<Volume> {
  const { readVolume } = await import('./volume/store.ts')
  return readVolume(root, name)
}

/**
 * Removes a volume and what is in it.
 * @throws UtsuwaError VOLUME_NOT_FOUND; VOLUME_IN_USE with the containers
 */
export async function removeVolume(name: string, options: RemoveVolumeOptions = {}): Promise<void> {
  const { removeVolume: removeFrom } = await import('./engine/connect/manage-volumes.ts')
  return removeFrom(name, options)
}

/** Removes the volumes that no container uses: those without a name, or with `all` every one. */
export async function pruneVolumes(options: PruneVolumesOptions = {}): Promise<PrunedVolumes> {
  const { pruneVolumes: pruneIn } = await import('./engine/connect/manage-volumes.ts')
  return pruneIn(options)
}

/**
 * Makes a network for containers: a bridge with addresses of its own, and NAT unless it is `internal`. Its containers
 * know each other by name. The network `bridge` needs not be made.
 *
 * @throws UtsuwaError INVALID_ARGUMENT, NETWORK_EXISTS; UNSUPPORTED without CNI plugins
 */
export async function createNetwork(options: CreateNetworkOptions): Promise<Network> {
  const { createNetwork: createIn } = await import('./engine/connect/manage-networks.ts')
  return createIn(options)
}

/** All networks that were made, by name. */
export async function networks(roots: Roots = {}): Promise<Network[]> {
  const { networks: list } = await import('./engine/connect/manage-networks.ts')
  return list(roots)
}

/** @throws UtsuwaError NETWORK_NOT_FOUND */
export async function inspectNetwork(name: string, roots: Roots = {}): Promise<Network> {
  const { inspectNetwork: inspectIn } = await import('./engine/connect/manage-networks.ts')
  return inspectIn(name, roots)
}

/** @throws UtsuwaError NETWORK_NOT_FOUND; NETWORK_IN_USE with the containers that are connected to it */
export async function removeNetwork(name: string, roots: Roots = {}): Promise<void> {
  const { removeNetwork: removeFrom } = await import('./engine/connect/manage-networks.ts')
  return removeFrom(name, roots)
}

/** Removes the networks that no container was made for, but `bridge`. @returns their names */
export async function pruneNetworks(roots: Roots = {}): Promise<string[]> {
  const { pruneNetworks: pruneIn } = await import('./engine/connect/manage-networks.ts')
  return pruneIn(roots)
}

/** Experiments with limits. */
export const lab = {
  /**
   * Runs an experiment: a command under every combination of limits, sampled all the time.
   *
   * @param experiment path of a YAML file or of a module, or what such a module exports
   * @throws UtsuwaError INVALID_ARGUMENT for an experiment that is none, with the file, the line and the key
   */
  async run(experiment: string | ExperimentInput, options: LabOptions = {}): Promise<LabResults> {
    const { runLab } = await import('./lab/run.ts')
    return runLab(experiment, options)
  },
}

/**
 * What a container ended of, as far as that is known: the cause, what it rests on, and what to change.
 *
 * @param nameOrId a name, an id, or the beginning of one
 * @example const { code, summary, advice } = await why('web')
 * @throws UtsuwaError CONTAINER_NOT_FOUND, INVALID_ARGUMENT when it is ambiguous
 */
export async function why(nameOrId: string, options: Pick<Roots, 'runRoot'> = {}): Promise<Why> {
  const { why: ask } = await import('./diagnosis/why/why.ts')
  return ask(nameOrId, options)
}

/**
 * Where a process is: its namespaces, its cgroup with the limits of every level and which of them binds, what it may do,
 * and who made it, be it utsuwa, docker, containerd, podman, CRI-O, LXC or systemd.
 *
 * @param target a running container of utsuwa by name or id, or the number of any process of this machine
 * @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING; INVALID_ARGUMENT when there is no such process
 */
export async function explainProcess(
  target: string | number,
  options: Pick<Roots, 'runRoot'> = {},
): Promise<ProcessExplanation> {
  const { explainProcess: explainIn } = await import('./diagnosis/explain/explain-process.ts')
  return explainIn(target, options)
}
