import { pipeline } from 'node:stream/promises'
import type { Command } from 'commander'
import { archiveFromContainer, copyFromContainer, copyIntoContainer, type Roots, UtsuwaError } from '../../index.ts'
import { rootsOf } from '../flags/roots.ts'
import { standardInput, standardOutput } from '../terminal/standard-streams.ts'

interface CpFlags {
  readonly archive?: boolean
  readonly followLink?: boolean
}

export const examples = [
  'utsuwa cp web:/etc/nginx/nginx.conf .',
  'utsuwa cp ./site/. web:/usr/share/nginx/html',
  'utsuwa cp web:/var/log - | tar -t',
]

export function define(command: Command): void {
  command
    .argument('<SOURCE>', 'path here, CONTAINER:PATH, or - for an archive on standard input')
    .argument('<DESTINATION>', 'the same; - for an archive on standard output')
    .option('-a, --archive', 'keep owners; otherwise all belongs to root there, and to you here')
    .option('-L, --follow-link', 'copy what SOURCE leads to, where it is a link')
    .action(async (source: string, destination: string, flags: CpFlags) => {
      await copy(parsePlace(source), parsePlace(destination), flags, rootsOf(command))
    })
}

interface Place {
  readonly container: string | undefined
  readonly path: string
}

/** A path that begins with `/` or `.` is one of this machine, whatever colons are in it. */
export function parsePlace(text: string): Place {
  const colon = text.indexOf(':')
  if (colon <= 0 || /^[./]/.test(text)) return { container: undefined, path: text }
  return { container: text.slice(0, colon), path: text.slice(colon + 1) || '/' }
}

async function copy(source: Place, destination: Place, flags: CpFlags, roots: Roots): Promise<void> {
  const options = { ...roots, archive: flags.archive ?? false, followLink: flags.followLink ?? false }
  const isStream = ({ container, path }: Place): boolean => container === undefined && path === '-'
  if ((source.container === undefined) === (destination.container === undefined))
    throw new UtsuwaError('INVALID_ARGUMENT', 'one of both must be in a container, and the other here', {
      operation: 'copy',
      hint: 'utsuwa cp CONTAINER:PATH . or utsuwa cp FILE CONTAINER:PATH',
    })
  if (source.container !== undefined && isStream(destination)) {
    if (flags.followLink)
      throw new UtsuwaError('INVALID_ARGUMENT', '--follow-link is not for archives', { operation: 'copy' })
    await pipeline(archiveFromContainer(source.container, source.path, roots), standardOutput('copy'))
  } else if (source.container !== undefined) {
    await copyFromContainer(source.container, source.path, destination.path, options)
  } else {
    const from = isStream(source) ? standardInput('copy') : source.path
    await copyIntoContainer(destination.container!, from, destination.path, options)
  }
}
