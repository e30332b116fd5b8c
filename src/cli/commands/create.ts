import type { Command } from 'commander'
import { addCreationFlags, createPulling, creationOptions } from '../flags/creation.ts'
import { addDetachedFlags, type DetachedFlags, detachedOptions } from '../flags/detached-flags.ts'
import { rootsOf } from '../flags/roots.ts'
import { writeAll } from '../print/write.ts'

export const examples = [
  'utsuwa create --name db -v data:/var/lib/postgresql postgres',
  'utsuwa create -it --name shell alpine sh',
]

export function define(command: Command): void {
  addDetachedFlags(addCreationFlags(command)).action(async (source: string, args: string[], flags: DetachedFlags) => {
    const options = detachedOptions(creationOptions(source, args, flags, rootsOf(command)), flags, 'once')
    const container = await createPulling(options, flags)
    writeAll(1, `${container.id}\n`)
  })
}
