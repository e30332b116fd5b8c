import { invalidOption } from './invalid-option.ts'
import type { ContainerOptions, ImageRunConfig } from './options.ts'

export const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export interface EnvironmentInput {
  options: Pick<ContainerOptions, 'env' | 'terminal'>
  image: ImageRunConfig
  /** Undefined where it is shared. */
  hostname: string | undefined
  /** Home directory of the user. */
  home: string
  /** Where the value of a variable given by name alone comes from. */
  callerEnv: Readonly<Record<string, string | undefined>>
}

/** `NAME=value` each: defaults, overridden by the image, overridden by the options. */
export function environment({ options, image, hostname, home, callerEnv }: EnvironmentInput): string[] {
  const own = hostname === undefined ? [] : [`HOSTNAME=${hostname}`]
  const defaults = [DEFAULT_PATH, ...own, ...(options.terminal ? ['TERM=xterm'] : []), `HOME=${home}`]
  return mergeEnvironment([...defaults, ...(image.Env ?? [])], options.env ?? [], callerEnv)
}

/** The last of several with one name counts, in the place of the first. */
export function mergeEnvironment(
  inherited: readonly string[],
  env: NonNullable<ContainerOptions['env']>,
  callerEnv: Readonly<Record<string, string | undefined>>,
): string[] {
  const variables = new Map<string, string>()
  for (const entry of [...inherited, ...given(env, callerEnv)]) {
    const name = entry.split('=', 1)[0]!
    variables.set(name, entry)
  }
  return [...variables.values()]
}

/** A name alone that the caller does not have either is left out, as docker does. */
function given(
  env: NonNullable<ContainerOptions['env']>,
  callerEnv: Readonly<Record<string, string | undefined>>,
): string[] {
  const entries = isList(env) ? env : Object.entries(env).map(([name, value]) => `${name}=${value}`)
  return entries.flatMap(entry => {
    if (entry === '' || entry.startsWith('=')) throw invalidOption('--env', `${JSON.stringify(entry)} has no name`)
    if (entry.includes('=')) return [entry]
    const value = callerEnv[entry]
    return value === undefined ? [] : [`${entry}=${value}`]
  })
}

function isList(env: NonNullable<ContainerOptions['env']>): env is readonly string[] {
  return Array.isArray(env)
}
