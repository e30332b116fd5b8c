import type { Command } from 'commander'
import { addRegistryFlags, type RegistryFlags, registryOptions } from '../flags/registry-flags.ts'
import { rootsOf } from '../flags/roots.ts'
import { writeAll } from '../print/write.ts'
import { addProgressFlag, type ProgressMode } from '../progress/display.ts'

interface PullFlags extends RegistryFlags {
  readonly platform?: string
  readonly progress: ProgressMode
  readonly quiet?: boolean
}

export const examples = ['utsuwa pull alpine:3', 'utsuwa pull --platform linux/arm64 localhost:5000/team/app']

export function define(command: Command): void {
  addRegistryFlags(addProgressFlag(command))
    .argument('<IMAGE>', 'such as alpine:3, localhost:5000/team/app, name@sha256:…')
    .option('--platform <PLATFORM>', 'such as linux/arm64 (default: this machine)')
    .option('-q, --quiet', 'print the image id alone')
    .action(async (reference: string, flags: PullFlags) => {
      const { pullImage } = await import('../progress/pull-image.ts')
      const { id } = await pullImage(reference, rootsOf(command), { ...flags, registry: registryOptions(flags) })
      writeAll(1, `${id}\n`)
    })
}
