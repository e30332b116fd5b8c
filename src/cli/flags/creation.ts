/** The flags of commands that make a container, and how it is made from them. */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { type Command, Option } from 'commander'
import {
  type Container,
  type CreateOptions,
  create,
  inspectImage,
  isUtsuwaError,
  type Roots,
  UtsuwaError,
} from '../../index.ts'
import { type PortRequest, parsePorts } from '../../options/ports.ts'
import { isErrno } from '../../util/errno.ts'
import { collect } from './collect.ts'
import { addContainerFlags, type ContainerFlags, containerOptions } from './container-flags.ts'
import { parseNumber } from './parse-number.ts'
import { checkPreservedFds } from './preserved-fds.ts'
import { addRegistryFlags, type RegistryFlags, registryOptions } from './registry-flags.ts'

export interface CreationFlags extends ContainerFlags, RegistryFlags {
  readonly cidfile?: string
  readonly expose?: string[]
  readonly interactive?: boolean
  readonly platform?: string
  readonly preserveFds?: number
  readonly publishAll?: boolean
  readonly pull: 'missing' | 'always' | 'never'
  readonly quiet?: boolean
  readonly rm?: boolean
  readonly rootfs?: boolean
}

export function addCreationFlags(command: Command): Command {
  addContainerFlags(command)
    .argument('<IMAGE>', 'image, or with --rootfs a directory')
    .argument('[COMMAND...]', "command and arguments; default: the image's")
    .passThroughOptions()
    .option('--rootfs', 'the first argument is a directory of this machine, used as root file system')
    .option('--rm', 'remove the container when it has ended')
    .option('-i, --interactive', 'pass on standard input')
    .option('--cidfile <FILE>', 'write the id to this file, which must not be there')
    .option('-P, --publish-all', 'publish each port that the image exposes on a free one of the host')
    .option('--expose <PORT[/PROTOCOL]>', 'a further port for --publish-all', collect)
    .option('--preserve-fds <NUMBER>', 'descriptors from 3 on that the command gets', parseNumber)
    .addOption(new Option('--pull <WHEN>', 'pull the image').choices(['missing', 'always', 'never']).default('missing'))
    .option('--platform <PLATFORM>', 'such as linux/arm64 (default: this machine)')
    .option('-q, --quiet', 'show no progress of a pull')
  return addRegistryFlags(command)
}

/** Without what concerns its standard streams. @throws UtsuwaError INVALID_ARGUMENT */
export function creationOptions(
  source: string,
  args: readonly string[],
  flags: CreationFlags,
  roots: Roots,
): CreateOptions {
  const { expose, platform, preserveFds, publishAll } = flags
  if (expose !== undefined && !publishAll)
    throw new UtsuwaError('INVALID_ARGUMENT', '--expose: only --publish-all acts on it', {
      hint: 'publish the port: -p PORT',
    })
  if (preserveFds !== undefined) checkPreservedFds(preserveFds)
  return {
    ...containerOptions(flags, args),
    ...roots,
    ...(flags.rootfs ? { rootfs: source } : { image: source }),
    ...(platform === undefined ? {} : { platform }),
    ...(preserveFds === undefined ? {} : { preserveFds }),
    removeOnExit: flags.rm ?? false,
  }
}

/**
 * Creates it, and pulls its image where that is wanted.
 * @throws UtsuwaError as `create` and `pull`; INVALID_ARGUMENT when the file for its id is there
 */
export async function createPulling(options: CreateOptions, flags: CreationFlags): Promise<Container> {
  if (flags.cidfile === undefined) return createFromStore(options, flags)
  const file = takeFile(flags.cidfile)
  try {
    const container = await createFromStore(options, flags)
    writeSync(file, container.id)
    return container
  } catch (error) {
    rmSync(flags.cidfile, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
}

function takeFile(path: string): number {
  try {
    return openSync(path, 'wx', 0o644)
  } catch (cause) {
    if (!isErrno(cause, 'EEXIST')) throw cause
    throw new UtsuwaError('INVALID_ARGUMENT', 'it is there: another container may use it', {
      operation: `write container id to ${path}`,
      path,
      hint: `rm ${path}`,
      cause,
    })
  }
}

async function createFromStore(options: CreateOptions, flags: CreationFlags): Promise<Container> {
  const { image, platform } = options
  const { pull: when, quiet = false } = flags
  const make = async (): Promise<Container> => create(await withExposedPorts(options, flags))
  if (typeof image !== 'string') return make()
  const pull = async (): Promise<void> => {
    const { pullImage } = await import('../progress/pull-image.ts')
    const registry = registryOptions(flags)
    await pullImage(image, options, { quiet, registry, ...(platform === undefined ? {} : { platform }) })
  }
  if (when === 'always') await pull()
  try {
    return await make()
  } catch (error) {
    if (when !== 'missing' || !isUtsuwaError(error, 'IMAGE_NOT_FOUND')) throw error
    await pull()
    return make()
  }
}

/** Those that `-p` publishes already stay as they are. */
async function withExposedPorts(options: CreateOptions, flags: CreationFlags): Promise<CreateOptions> {
  if (!flags.publishAll) return options
  const { image, ports = [] } = options
  const config = typeof image === 'string' ? (await inspectImage(image, options)).config.config : undefined
  const nameOf = ({ containerPort, protocol }: PortRequest): string => `${containerPort}/${protocol}`
  const published = new Set(parsePorts(ports).map(nameOf))
  const exposed = parsePorts([...Object.keys(config?.ExposedPorts ?? {}), ...(flags.expose ?? [])]).map(nameOf)
  return { ...options, ports: [...ports, ...new Set(exposed.filter(name => !published.has(name)))] }
}
