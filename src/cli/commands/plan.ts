import type { Command } from 'commander'
import { type CreateOptions, explain, planOf, planToJson, UtsuwaError } from '../../index.ts'
import { addContainerFlags, type ContainerFlags, containerOptions } from '../flags/container-flags.ts'
import { escapeSteering } from '../flags/output-format.ts'
import { rootsOf } from '../flags/roots.ts'
import { printableLines } from '../print/format.ts'
import { writeAll } from '../print/write.ts'

interface PlanFlags extends ContainerFlags {
  readonly bundle?: string
  readonly json?: boolean
  readonly rootfs?: boolean
}

export const examples = ['utsuwa plan alpine sh', 'utsuwa plan --json --bundle .']

export function define(command: Command): void {
  addContainerFlags(command)
    .argument('[IMAGE]', 'image, or with --rootfs a directory')
    .argument('[COMMAND...]', "command and arguments; default: the image's")
    .passThroughOptions()
    .option('--rootfs', 'the first argument is a directory of this machine')
    .option('-b, --bundle <DIR>', 'plan what its config.json says')
    .option('--json', 'print the operations as JSON')
    .action(async (source: string | undefined, args: string[], flags: PlanFlags) => {
      const options = { ...containerOptions(flags, args), ...rootsOf(command), ...sourceOf(source, flags) }
      const plan = await planOf(options)
      writeAll(1, `${flags.json ? escapeSteering(planToJson(plan)) : printableLines(explain(plan))}\n`)
    })
}

function sourceOf(source: string | undefined, { bundle, rootfs }: PlanFlags): CreateOptions {
  if (bundle !== undefined && source === undefined) return { bundle }
  if (bundle !== undefined || source === undefined)
    throw new UtsuwaError('INVALID_ARGUMENT', 'give an image, --rootfs with a directory, or --bundle', {
      hint: 'utsuwa plan --help',
    })
  return rootfs ? { rootfs: source } : { image: source }
}
