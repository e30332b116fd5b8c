import { posix } from 'node:path'
import { invalidOption } from './invalid-option.ts'
import type { ContainerOptions, ImageRunConfig } from './options.ts'

/**
 * What to execute, by docker's rules: the entrypoint followed by the command. A given command replaces the image's; a
 * given entrypoint replaces the image's and drops the image's command, which was written for another program.
 *
 * @throws UtsuwaError INVALID_ARGUMENT when that leaves nothing
 */
export function mergeCommand(
  { entrypoint, args }: Pick<ContainerOptions, 'entrypoint' | 'args'>,
  image: ImageRunConfig,
): string[] {
  const given = typeof entrypoint === 'string' ? [entrypoint].filter(word => word !== '') : entrypoint
  const program = given ?? image.Entrypoint ?? []
  const command = args !== undefined && args.length > 0 ? args : given === undefined ? (image.Cmd ?? []) : []
  const merged = [...program, ...command]
  if (merged.length === 0) {
    throw invalidOption('command', 'none given, and the image has none', 'put one behind the image')
  }
  return merged
}

/** @throws UtsuwaError INVALID_ARGUMENT for a relative directory */
export function workingDirectory({ cwd }: Pick<ContainerOptions, 'cwd'>, { WorkingDir }: ImageRunConfig): string {
  const directory = cwd || WorkingDir || '/'
  if (!directory.startsWith('/')) throw invalidOption('--workdir', `${directory} is not an absolute path`)
  return posix.normalize(directory)
}
