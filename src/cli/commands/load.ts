import type { Command } from 'commander'
import { type Image, type Input, load, type Roots } from '../../index.ts'
import { rootsOf } from '../flags/roots.ts'
import { printable } from '../print/format.ts'
import { writeAll } from '../print/write.ts'
import { addProgressFlag, openProgress, type ProgressMode } from '../progress/display.ts'
import { standardInput } from '../terminal/standard-streams.ts'

interface LoadFlags {
  readonly input?: string
  readonly platform?: string
  readonly progress: ProgressMode
  readonly quiet?: boolean
}

export const examples = ['utsuwa load -i debian.tar', 'utsuwa load <debian.tar']

export function define(command: Command): void {
  addProgressFlag(command)
    .option('-i, --input <FILE>', 'archive or directory to read (default: standard input)')
    .option('--platform <PLATFORM>', 'such as linux/arm64 (default: this machine)')
    .option('-q, --quiet', 'show no progress')
    .action(async (flags: LoadFlags) => {
      const { input = '-' } = flags
      const source = input === '-' ? standardInput('load') : input
      const images = await loadShown(source, rootsOf(command), flags)
      for (const { reference, id } of images)
        writeAll(1, reference.startsWith('@') ? `Loaded image ID: ${id}\n` : `Loaded image: ${printable(reference)}\n`)
    })
}

async function loadShown(
  source: Input,
  roots: Roots,
  { input, platform, progress, quiet }: LoadFlags,
): Promise<Image[]> {
  const display = quiet ? undefined : openProgress(progress, `${input ?? 'standard input'}: reading`)
  try {
    return await load(source, {
      ...roots,
      ...(platform === undefined ? {} : { platform }),
      ...(display === undefined ? {} : { onProgress: event => display.show(event) }),
    })
  } finally {
    display?.end()
  }
}
