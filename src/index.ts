/**
 * utsuwa: containers in process, without a daemon.
 *
 * Nothing here prints or exits. Every error is an `UtsuwaError` with a stable `code`.
 */
import type { Image } from './image/image.ts'
import type { PullOptions as StorePullOptions } from './image/pull.ts'
import { DEFAULT_ROOT, type Roots } from './lifecycle/container.ts'
import type { DoctorOptions, Finding } from './lifecycle/doctor.ts'

export type { ContainerOptions } from './config/options.ts'
export { isUtsuwaError, UtsuwaError, type UtsuwaErrorCode } from './errors.ts'
export type { Image } from './image/image.ts'
export type { PullProgress } from './image/pull.ts'
export { Container, type CreateOptions, create, planOf, type Roots } from './lifecycle/container.ts'
export type { DoctorOptions, Finding } from './lifecycle/doctor.ts'
export { type ContainerSummary, containers, type RemoveOptions, removeContainer } from './lifecycle/list.ts'
export type { OomKill, Phases, RunResult, Usage } from './lifecycle/outcome.ts'
export type { ContainerSource } from './lifecycle/prepare.ts'
export { type RunOptions, run } from './lifecycle/run.ts'
export { type CompiledPlan, type CompileInput, compile, type HostFacts } from './plan/compile.ts'
export { explain, planToJson } from './plan/explain.ts'
export type { RuntimeSpec } from './spec/runtime.ts'

export type PullOptions = Omit<StorePullOptions, 'root'> & Pick<Roots, 'root'>

/**
 * Fetches an image from its registry and unpacks it. Resolves after the unpack.
 * @param reference such as `alpine:3`, `localhost:5000/debian:test`, `name@sha256:…`
 */
export async function pull(reference: string, { root = DEFAULT_ROOT, ...options }: PullOptions = {}): Promise<Image> {
  const { pull: pullInto } = await import('./image/pull.ts')
  return pullInto(reference, { ...options, root })
}

/** The images of the store, in the order in which they were pulled. */
export async function images({ root = DEFAULT_ROOT }: Pick<Roots, 'root'> = {}): Promise<Image[]> {
  const { listImages } = await import('./image/image.ts')
  return listImages(root)
}

export interface RemoveImageOptions extends Pick<Roots, 'root'> {
  /** Remove it although a container uses it. Default: false. */
  readonly force?: boolean
}

/**
 * Removes a name of an image and, with the last one, the image and what only it uses.
 * @throws UtsuwaError IMAGE_NOT_FOUND, IMAGE_IN_USE
 */
export async function removeImage(
  nameOrId: string,
  { root = DEFAULT_ROOT, force = false }: RemoveImageOptions = {},
): Promise<Image> {
  const { removeImage: removeFrom } = await import('./image/remove.ts')
  return removeFrom(root, nameOrId, { force })
}

/** What this machine has and lacks for running containers, each finding with its fix. */
export async function doctor(options: DoctorOptions = {}): Promise<Finding[]> {
  const { doctor: examine } = await import('./lifecycle/doctor.ts')
  return examine(options)
}
