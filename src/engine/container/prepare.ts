/** From what a caller asks for (an image, a directory, a bundle, a spec) to a runtime spec and a root file system. */
import { closeSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { readBundle } from '../../bundle/bundle.ts'
import { UtsuwaError } from '../../errors.ts'
import type { Image } from '../../image/image.ts'
import { hasOwnIds, mountOverlay, type OverlayDirectories } from '../../launch/overlay.ts'
import { listHostDevices } from '../../options/host-devices.ts'
import { listMaskedHostPaths } from '../../options/host-paths.ts'
import { volumeMounts } from '../../options/mounts.ts'
import type { JoinedNamespaces } from '../../options/namespaces.ts'
import type { ContainerOptions, ImageRunConfig } from '../../options/options.ts'
import { createRuntimeSpec } from '../../options/runtime-spec.ts'
import type { ReadContainerFile } from '../../options/user.ts'
import { autoIdMappings } from '../../options/user-namespace.ts'
import { defaultSeccompProfile } from '../../seccomp/default-profile.ts'
import type { Mount, RuntimeSpec } from '../../spec/runtime.ts'
import { parseRuntimeSpec } from '../../spec/runtime-parse.ts'
import { nativePath } from '../../sys/native-path.ts'
import type { PreparedNetwork } from '../connect/network.ts'
import { containerFileReader, layerFileReader, openRootDirectory } from '../files/container-files.ts'
import { type Files, writeFiles, writeFilesOfSpec } from '../files/files.ts'
import { RootWriter } from '../files/root-writer.ts'

/** Where a container's root file system and configuration come from: one of the four. */
export interface ContainerSource {
  /** Name, digest or id of an image in the store, or what `pull` returned. */
  readonly image?: string | Image
  /** Which the image must be for, such as `linux/arm64`. Default: any. */
  readonly platform?: string
  /** A directory of the host, used as it is. */
  readonly rootfs?: string
  /** A directory with config.json. Options beside it are not applied: config.json says everything. */
  readonly bundle?: string
  /** A runtime spec; relative paths in it are relative to the working directory. */
  readonly spec?: RuntimeSpec
}

export interface Prepared extends Disposable {
  readonly spec: RuntimeSpec
  readonly bundlePath: string
  /** Reference of the image that it was made from. */
  readonly image: string | undefined
  /** The image's word, for people to look at: nothing is done on it. */
  readonly imageLabels?: Readonly<Record<string, string>>
  /** A detached mount, open until disposal. */
  readonly rootfsMountFd: number | undefined
}

/** What is done to a root file system and a spec before a container is made of them. */
export interface SpecOptions {
  readonly files?: Files
  readonly editSpec?: (spec: RuntimeSpec) => RuntimeSpec
}

export interface PrepareInput {
  readonly id: string
  readonly source: ContainerSource
  readonly options: ContainerOptions & SpecOptions
  /** Store that images are in and snapshots are made in. */
  readonly storeRoot: string
  readonly joinedNamespaces: JoinedNamespaces
  /** Where the root file system of an image is attached, inside the container's mount namespace. */
  readonly mountPoint: string
  /** The first of the ids of the host that a user namespace of its own has. */
  readonly firstUserId: number | undefined
  /** What the container is connected to; nothing when absent. */
  readonly network?: PreparedNetwork
  /** Makes volumes that are mounted. @returns host path of each, by its destination */
  readonly attachVolumes: AttachVolumes
}

/** @param imageRootFd of an image's root file system, where the container is made of one */
export type AttachVolumes = (
  mounts: readonly Mount[],
  imageRootFd: number | undefined,
) => Promise<ReadonlyMap<string, string>>

/** @throws UtsuwaError INVALID_ARGUMENT unless there is exactly one source; what making it fails with */
export async function prepare(input: PrepareInput): Promise<Prepared> {
  const { image, rootfs, bundle, spec } = input.source
  if ([image, rootfs, bundle, spec].filter(source => source !== undefined).length !== 1)
    throw new UtsuwaError('INVALID_ARGUMENT', 'give one of image, rootfs, bundle and spec')
  if (image !== undefined) return prepareImage(input, image)
  if (rootfs !== undefined) return prepareDirectory(input, resolve(rootfs))
  return prepareSpec(input, bundle === undefined ? { spec: spec!, path: process.cwd() } : readBundle(bundle))
}

async function prepareSpec({ options }: PrepareInput, { spec, path }: BundleParts): Promise<Prepared> {
  const edited = edit(spec, options)
  if (options.files !== undefined) await writeFilesOfSpec(edited, path, options.files)
  return asTheyAre({ spec: edited, path })
}

/** @throws UtsuwaError INVALID_SPEC for what it gives back */
function edit(spec: RuntimeSpec, { editSpec }: SpecOptions): RuntimeSpec {
  return editSpec === undefined ? spec : parseRuntimeSpec(editSpec(spec))
}

interface BundleParts {
  readonly spec: RuntimeSpec
  readonly path: string
}

function asTheyAre({ spec, path }: BundleParts): Prepared {
  return { spec, bundlePath: path, image: undefined, rootfsMountFd: undefined, [Symbol.dispose]: keepNothing }
}

function keepNothing(): void {
  // There is nothing to let go of.
}

async function prepareImage(input: PrepareInput, asked: string | Image): Promise<Prepared> {
  // Loaded when needed: a container from a directory or bundle has no use for the store.
  const [{ resolveImage }, { prepareSnapshot }] = await Promise.all([
    import('../../image/image.ts'),
    import('../../snapshot/active.ts'),
  ])
  const image = typeof asked === 'string' ? await resolveImage(input.storeRoot, asked) : asked
  if (input.source.platform !== undefined) await checkPlatform(image, input.source.platform)
  const owner = dirname(resolve(input.mountPoint))
  const snapshot = await prepareSnapshot(input.storeRoot, input.id, image.diffIds, owner)
  const rootFd = mountOverlay(snapshot)
  const spec = await fill(input, image, rootFd)
  const rootfsMountFd = hasOwnIds(spec.linux) ? await mountAgain(rootFd, snapshot, input.storeRoot, spec) : rootFd
  return {
    spec,
    bundlePath: input.mountPoint,
    image: image.reference,
    imageLabels: image.config.config?.Labels ?? {},
    rootfsMountFd,
    [Symbol.dispose]: () => closeSync(rootfsMountFd),
  }
}

/** Puts files into a new root file system, and makes the spec. The descriptor is closed when that fails. */
async function fill(input: PrepareInput, { config }: Image, rootFd: number): Promise<RuntimeSpec> {
  try {
    // First, since the user may be in a passwd that is one of them.
    if (input.options.files !== undefined) await writeFiles(new RootWriter(rootFd), input.options.files)
    return await specFor(input, config.config ?? {}, input.mountPoint, containerFileReader(rootFd), rootFd)
  } catch (error) {
    closeSync(rootFd)
    throw error
  }
}

/** With the ids of a user namespace, when all has been done that is done with those of the disk. */
async function mountAgain(
  rootFd: number,
  snapshot: OverlayDirectories,
  storeRoot: string,
  { linux }: RuntimeSpec,
): Promise<number> {
  closeSync(rootFd) // an overlay's upper directory is for one mount at a time
  const { mountIdMappedOverlay } = await import('../../launch/idmapped-overlay.ts')
  return mountIdMappedOverlay(linux, snapshot, storeRoot)
}

/** @throws UtsuwaError IMAGE_NOT_FOUND for another one, as if there were none */
async function checkPlatform(image: Image, wanted: string): Promise<void> {
  const { formatPlatform, parsePlatform } = await import('../../image/platform.ts')
  const { architecture, os, variant } = image.config
  const has = formatPlatform(parsePlatform([os, architecture, variant].filter(Boolean).join('/')))
  const asked = formatPlatform(parsePlatform(wanted))
  if (has === asked) return
  throw new UtsuwaError('IMAGE_NOT_FOUND', `the image in the store is for ${has}, not for ${asked}`, {
    operation: `find image ${image.reference}`,
    hint: `utsuwa pull --platform ${asked} ${image.reference}`,
  })
}

/**
 * The runtime spec that `prepare` would give, without making anything. The mount that a plan for an image names is −1
 * here: there is none.
 */
export async function prepareForPlan(input: PrepareInput): Promise<Prepared> {
  const { image: asked } = input.source
  if (asked === undefined) return prepare({ ...input, options: withoutFiles(input.options) })
  const [{ resolveImage }, { lowerDirsOf }] = await Promise.all([
    import('../../image/image.ts'),
    import('../../snapshot/active.ts'),
  ])
  const image = typeof asked === 'string' ? await resolveImage(input.storeRoot, asked) : asked
  const { lowerDirs } = await lowerDirsOf(input.storeRoot, image.diffIds)
  const fds = lowerDirs.map(openRootDirectory)
  try {
    const spec = await specFor(input, image.config.config ?? {}, input.mountPoint, layerFileReader(fds))
    return {
      spec,
      bundlePath: input.mountPoint,
      image: image.reference,
      rootfsMountFd: -1,
      [Symbol.dispose]: keepNothing,
    }
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}

const noVolumes: ReadonlyMap<string, string> = new Map()

function withoutFiles({ files: _, ...options }: PrepareInput['options']): PrepareInput['options'] {
  return options
}

async function prepareDirectory(input: PrepareInput, directory: string): Promise<Prepared> {
  const rootFd = openRootDirectory(directory)
  try {
    if (input.options.files !== undefined) await writeFiles(new RootWriter(rootFd), input.options.files)
    return asTheyAre({ spec: await specFor(input, {}, directory, containerFileReader(rootFd)), path: directory })
  } finally {
    closeSync(rootFd)
  }
}

async function isFor32BitX86(platform: string): Promise<boolean> {
  const { parsePlatform } = await import('../../image/platform.ts')
  return parsePlatform(platform).architecture === '386'
}

async function specFor(
  { id, source, options, joinedNamespaces, firstUserId, network, attachVolumes }: PrepareInput,
  imageConfig: ImageRunConfig,
  rootPath: string,
  readContainerFile: ReadContainerFile,
  imageRootFd?: number,
): Promise<RuntimeSpec> {
  const volumes = volumeMounts(options, imageConfig)
  // the caller's word: by the image's alone, every image could have it
  const socketcall = source.platform !== undefined && (await isFor32BitX86(source.platform))
  const spec = createRuntimeSpec({
    id,
    options,
    imageConfig,
    rootPath,
    readContainerFile,
    joinedNamespaces: { ...joinedNamespaces, ...(network?.namespacePath && { network: network.namespacePath }) },
    reaperHostPath: nativePath('reaper'),
    defaultSeccomp: capabilities => defaultSeccompProfile(capabilities, undefined, { socketcall }),
    hostDevices: listHostDevices,
    maskedHostPaths: listMaskedHostPaths,
    ...(firstUserId !== undefined && { idMappings: autoIdMappings(firstUserId) }),
    ...(network && { networkFiles: network.files }),
    volumePaths: volumes.length === 0 ? noVolumes : await attachVolumes(volumes, imageRootFd),
  })
  return edit(spec, options)
}
