import { type Command, InvalidArgumentError } from 'commander'
import { push } from '../../index.ts'
import { addRegistryFlags, type RegistryFlags, registryOptions } from '../flags/registry-flags.ts'
import { rootsOf } from '../flags/roots.ts'
import { PushDisplay } from '../print/push-display.ts'
import { writeAll } from '../print/write.ts'

interface PushFlags extends RegistryFlags {
  readonly chunkSize?: number
  readonly quiet?: boolean
}

export const examples = ['utsuwa push localhost:5000/team/app', 'utsuwa push app ghcr.io/team/app:1']

export function define(command: Command): void {
  addRegistryFlags(
    command
      .argument('<IMAGE>', 'name, id or its beginning')
      .argument('[DESTINATION]', "such as localhost:5000/team/app:1.2 (default: the image's name)")
      .option('--chunk-size <MIB>', 'most MiB in one request (default: no limit; where that fails, 16)', parseSize)
      .option('-q, --quiet', 'print the digest alone'),
  ).action(async (image: string, destination: string | undefined, flags: PushFlags) => {
    const display = flags.quiet ? undefined : new PushDisplay(process.stderr.isTTY === true)
    try {
      const { digest } = await push(image, {
        ...rootsOf(command),
        ...registryOptions(flags),
        ...(destination === undefined ? {} : { destination }),
        ...(flags.chunkSize === undefined ? {} : { chunkSize: flags.chunkSize * 1024 * 1024 }),
        ...(display === undefined ? {} : { onProgress: progress => display.show(progress) }),
      })
      writeAll(1, `${digest}\n`)
    } finally {
      display?.end()
    }
  })
}

function parseSize(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('must be a number from 1 to 99999.')
}
