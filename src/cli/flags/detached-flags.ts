/** The flags of commands that make a container which outlives them. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type CreateOptions, type LogOptions, type RestartPolicy, UtsuwaError } from '../../index.ts'
import { collectPair } from './collect.ts'
import type { CreationFlags } from './creation.ts'

export interface DetachedFlags extends CreationFlags {
  readonly logDriver: 'k8s-file' | 'none'
  readonly logOpt?: Record<string, string>
  readonly restart?: RestartPolicy
}

export function addDetachedFlags(command: Command): Command {
  return command
    .option('--restart <POLICY>', 'start it again: no, on-failure[:N], always, unless-stopped', parseRestart)
    .addOption(
      new Option('--log-driver <DRIVER>', 'keep what it prints').choices(['k8s-file', 'none']).default('k8s-file'),
    )
    .option('--log-opt <NAME=VALUE>', 'max-size=10m for each file of the log, max-file=3 of them', collectPair)
}

/**
 * What makes the container one that outlives the command.
 * @param stdin when its standard input ends, where it has one
 * @throws UtsuwaError INVALID_ARGUMENT
 */
export function detachedOptions(options: CreateOptions, flags: DetachedFlags, stdin: 'open' | 'once'): CreateOptions {
  const { restart } = flags
  if (options.removeOnExit && isRestarting(restart))
    throw new UtsuwaError('INVALID_ARGUMENT', '--rm and --restart exclude each other')
  return {
    ...options,
    detached: true,
    stdin: flags.interactive ? stdin : 'none',
    log: logOptions(flags),
    ...(restart === undefined ? {} : { restart }),
  }
}

/** @throws UtsuwaError INVALID_ARGUMENT for what says nothing about a container in the foreground */
export function refuseDetachedFlags({ restart, logOpt }: DetachedFlags): void {
  if (isRestarting(restart) || logOpt !== undefined)
    throw new UtsuwaError('INVALID_ARGUMENT', '--restart and --log-opt are for containers in the background', {
      hint: 'give --detach, and see it with utsuwa attach or utsuwa logs -f',
    })
}

function isRestarting(restart: RestartPolicy | undefined): boolean {
  return restart !== undefined && restart.name !== 'no'
}

function logOptions({ logDriver, logOpt = {} }: DetachedFlags): LogOptions {
  const { 'max-size': size, 'max-file': files, ...others } = logOpt
  const [unknown] = Object.keys(others)
  if (unknown !== undefined)
    throw new UtsuwaError('INVALID_ARGUMENT', `unknown log option ${unknown}`, { hint: '--log-opt max-size=10m' })
  return {
    disabled: logDriver === 'none',
    ...(size === undefined ? {} : { maxSize: size === '-1' ? 0 : size }),
    ...(files === undefined ? {} : { maxFiles: Number(files) }),
  }
}

function parseRestart(text: string): RestartPolicy {
  const [, name, retries] = /^(no|on-failure|always|unless-stopped)(?::(\d+))?$/.exec(text) ?? []
  if (name === undefined || (retries !== undefined && name !== 'on-failure'))
    throw new InvalidArgumentError('It must be no, on-failure[:N], always or unless-stopped.')
  return {
    name: name as RestartPolicy['name'],
    ...(retries === undefined ? {} : { maxRetries: Number(retries) }),
  }
}
