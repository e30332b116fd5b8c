/** From an image's config and a caller's options to a runtime spec. */
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import {
  type Capabilities,
  type IdMapping,
  type Linux,
  type LinuxDevice,
  type LinuxSeccomp,
  type Mount,
  OCI_VERSION,
  type Process,
  type RuntimeSpec,
} from '../spec/runtime.ts'
import { checkAcrossMembers } from '../spec/runtime-check.ts'
import { chooseCapabilities } from './capabilities.ts'
import { mergeCommand, workingDirectory } from './command.ts'
import { chooseDevices } from './devices.ts'
import { environment } from './env.ts'
import { invalidOption } from './invalid-option.ts'
import { mounts } from './mounts.ts'
import { chooseNamespaces, type JoinedNamespaces, namespaceMode } from './namespaces.ts'
import type { ContainerOptions, ImageRunConfig } from './options.ts'
import { MASKED_PATHS, READONLY_PATHS } from './paths.ts'
import { resourcesOf } from './resources.ts'
import { parseSeccompFile } from './seccomp-file.ts'
import { chooseSecurity, type SecurityChoice } from './security.ts'
import { parseUlimits } from './ulimits.ts'
import { type ReadContainerFile, type ResolvedUser, resolveGroups, resolveUser } from './user.ts'
import { bindVolume, VOLUME } from './volumes.ts'

export interface RuntimeSpecInput {
  /** Id of the container. */
  id: string
  options: ContainerOptions
  /** `config` of the image config; empty for a plain root file system. */
  imageConfig?: ImageRunConfig
  /** Host path of the root file system, or relative to the bundle. */
  rootPath: string
  /** For user names, which only the container's files know. */
  readContainerFile: ReadContainerFile
  /** The filter of containers that do not choose one, given their capabilities. */
  defaultSeccomp: (capabilities: readonly string[]) => LinuxSeccomp
  /** Where `env: ['NAME']` takes values from; that of this process when absent. */
  callerEnv?: Readonly<Record<string, string | undefined>>
  /** Paths of the namespaces of `containersToJoin`. */
  joinedNamespaces?: JoinedNamespaces
  /** Host path of the program for `init`. */
  reaperHostPath?: string
  /** Device nodes for a privileged container: `listHostDevices`. */
  hostDevices?: () => LinuxDevice[]
  /** What is masked beside the paths that are masked on every machine: `listMaskedHostPaths`. */
  maskedHostPaths?: () => readonly string[]
  /** Host path of each file that tells of names and addresses, by its container path. */
  networkFiles?: ReadonlyMap<string, string>
  /** Maps of users and groups, for `userns: 'auto'`. */
  idMappings?: readonly IdMapping[]
  /** Host path of each of `volumeMounts`, by its destination. */
  volumePaths: ReadonlyMap<string, string>
}

/** Key under which the image specification keeps the signal that stops a container, for who stops it. */
export const STOP_SIGNAL_ANNOTATION = 'org.opencontainers.image.stopSignal'

/**
 * The image says what to run, the options override it, and everything else is what docker's users expect. An image's
 * labels are not among that: they are the image's word, and annotations can change what a runtime does (CVE-2026-53488
 * of containerd).
 *
 * @throws UtsuwaError INVALID_ARGUMENT that names the option
 */
export function createRuntimeSpec(input: RuntimeSpecInput): RuntimeSpec {
  const { id, options, imageConfig = {}, rootPath } = input
  const hostname = chooseHostname(options, id)
  const user = resolveUser(options.user || imageConfig.User || '', input.readContainerFile)
  const capabilities = chooseCapabilities(options)
  const security = chooseSecurity(options)
  const annotations = chooseAnnotations(options, imageConfig)
  const spec: RuntimeSpec = {
    ociVersion: OCI_VERSION,
    process: createProcess(input, { hostname, user, capabilities, security }),
    root: { path: rootPath, readonly: options.readonlyRootfs === true },
    ...(hostname !== undefined && { hostname }),
    ...(options.domainname && { domainname: options.domainname }),
    mounts: [...chooseMounts(input), ...initMount(input)],
    ...(Object.keys(annotations).length > 0 && { annotations }),
    linux: createLinux(input, { capabilities, security }),
  }
  checkAcrossMembers(spec)
  return spec
}

function chooseMounts({ options, imageConfig = {}, networkFiles = new Map(), volumePaths }: RuntimeSpecInput): Mount[] {
  const chosen = mounts(options, imageConfig).map(mount =>
    mount.type === VOLUME ? bindVolume(mount, volumePaths.get(mount.destination)!, options.userns === 'auto') : mount,
  )
  const access = options.readonlyRootfs ? 'ro' : 'rw'
  const files = [...networkFiles].filter(([path]) => !chosen.some(({ destination }) => destination === path))
  // Behind the others, one of which may be /etc.
  return [
    ...chosen,
    ...files.map(([destination, source]) => ({
      destination,
      type: 'bind',
      source,
      options: ['bind', 'rprivate', access],
    })),
  ]
}

/** The host name of a container that is given none. */
export function hostnameOf(id: string): string {
  return id.slice(0, 12)
}

/** Undefined in a UTS namespace that is shared. */
function chooseHostname({ hostname, domainname, uts }: ContainerOptions, id: string): string | undefined {
  if (namespaceMode('uts', uts) !== 'private') {
    if (hostname || domainname) throw invalidOption('--hostname', 'with --uts it would be changed for others too')
    return undefined
  }
  const chosen = hostname || hostnameOf(id)
  if (!/^[a-zA-Z0-9_](?:[a-zA-Z0-9._-]{0,62})$/.test(chosen)) {
    throw invalidOption('--hostname', `${JSON.stringify(chosen)} is not a host name`)
  }
  return chosen
}

function chooseAnnotations(options: ContainerOptions, { StopSignal }: ImageRunConfig): Record<string, string> {
  const stopSignal = options.stopSignal || StopSignal
  return { ...options.annotations, ...(stopSignal && { [STOP_SIGNAL_ANNOTATION]: stopSignal }) }
}

/** Where the first process of a container with `init` lies: in /dev, so that nothing of it stays in the image. */
const INIT_CONTAINER_PATH = '/dev/init'

function initMount({ options, reaperHostPath }: RuntimeSpecInput): Mount[] {
  if (!options.init || reaperHostPath === undefined) return []
  const flags = ['bind', 'ro', 'nosuid', 'nodev']
  return [{ destination: INIT_CONTAINER_PATH, type: 'bind', source: reaperHostPath, options: flags }]
}

/** Path of the container's cgroup, below a parent whose limits apply too. */
function cgroupsPath(parent = '/utsuwa', id: string): string {
  if (parent.split('/').includes('..') || !/[^/]/.test(parent))
    throw invalidOption('--cgroup-parent', `${JSON.stringify(parent)} names no cgroup`)
  return posix.join('/', parent, id)
}

interface Choices {
  hostname: string | undefined
  user: ResolvedUser
  capabilities: string[]
  security: SecurityChoice
}

function createProcess(
  { options, imageConfig = {}, readContainerFile, callerEnv = process.env }: RuntimeSpecInput,
  { hostname, user, capabilities, security }: Choices,
): Process {
  const { uid, gid, home } = user
  const additionalGids = [
    ...new Set([...user.additionalGids, ...resolveGroups(options.groupAdd ?? [], readContainerFile)]),
  ]
  const { oomScoreAdj, ulimits = [], terminal = false } = options
  if (oomScoreAdj !== undefined && !(Number.isInteger(oomScoreAdj) && Math.abs(oomScoreAdj) <= 1000)) {
    throw invalidOption('--oom-score-adj', `must be an integer from -1000 to 1000, found ${oomScoreAdj}`)
  }
  const rlimits = parseUlimits(ulimits)
  return {
    ...(terminal && { terminal }),
    user: { uid, gid, ...(additionalGids.length > 0 && { additionalGids }) },
    args: [...(options.init ? [INIT_CONTAINER_PATH] : []), ...mergeCommand(options, imageConfig)],
    env: environment({ options, image: imageConfig, hostname, home, callerEnv }),
    cwd: workingDirectory(options, imageConfig),
    capabilities: capabilitySets(capabilities, uid),
    ...(rlimits.length > 0 && { rlimits }),
    noNewPrivileges: security.noNewPrivileges,
    ...(security.apparmorProfile && { apparmorProfile: security.apparmorProfile }),
    ...(oomScoreAdj !== undefined && { oomScoreAdj }),
  }
}

/**
 * Others than root start without capabilities, as execve(2) would leave them, and can gain up to the bounding set by
 * setuid programs. Inheritable ones are never given (CVE-2022-29162 of runc).
 */
export function capabilitySets(capabilities: string[], uid: number): Capabilities {
  return uid === 0
    ? { bounding: capabilities, effective: capabilities, permitted: capabilities }
    : { bounding: capabilities }
}

function createLinux(
  { id, options, hostDevices, maskedHostPaths, defaultSeccomp, joinedNamespaces = {}, idMappings }: RuntimeSpecInput,
  { capabilities, security }: Pick<Choices, 'capabilities' | 'security'>,
): Linux {
  const seccomp = chooseSeccomp(security, capabilities, defaultSeccomp)
  const all = options.privileged ? hostDevices?.() : undefined
  const devices = [...(all ?? []), ...chooseDevices(options).devices]
  return {
    namespaces: chooseNamespaces(options, joinedNamespaces),
    ...(idMappings && { uidMappings: [...idMappings], gidMappings: [...idMappings] }),
    cgroupsPath: cgroupsPath(options.cgroupParent, id),
    resources: resourcesOf(options),
    ...(devices.length > 0 && { devices }),
    ...(options.sysctls && { sysctl: { ...options.sysctls } }),
    ...(seccomp && { seccomp }),
    ...(security.protectSystemPaths && {
      maskedPaths: [...MASKED_PATHS, ...(maskedHostPaths?.() ?? [])],
      readonlyPaths: [...READONLY_PATHS],
    }),
  }
}

function chooseSeccomp(
  { seccomp }: SecurityChoice,
  capabilities: readonly string[],
  defaultSeccomp: RuntimeSpecInput['defaultSeccomp'],
): LinuxSeccomp | undefined {
  if (seccomp.kind === 'unconfined') return undefined
  if (seccomp.kind === 'default') return defaultSeccomp(capabilities)
  return parseSeccompFile(readProfile(seccomp.hostPath), seccomp.hostPath, { capabilities })
}

function readProfile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new UtsuwaError('INVALID_ARGUMENT', reason, { operation: `read seccomp profile ${path}`, path, cause })
  }
}
