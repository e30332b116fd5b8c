import type { Command } from 'commander'
import { importImage } from '../../index.ts'
import { collect } from '../flags/collect.ts'
import { rootsOf } from '../flags/roots.ts'
import { writeAll } from '../print/write.ts'
import { standardInput } from '../terminal/standard-streams.ts'

interface ImportFlags {
  readonly change?: string[]
  readonly message?: string
  readonly platform?: string
}

export const examples = ['utsuwa import rootfs.tar base:1']

export function define(command: Command): void {
  command
    .argument('<FILE>', 'archive of a root file system; - for standard input')
    .argument('[NAME]', 'name of the image')
    .option('-c, --change <INSTRUCTION>', 'of a Dockerfile, such as CMD ["sh"] or ENV A=b', collect)
    .option('-m, --message <TEXT>', 'comment in the history')
    .option('--platform <PLATFORM>', 'such as linux/arm64 (default: this machine)')
    .action(async (file: string, name: string | undefined, { change, message, platform }: ImportFlags) => {
      const { id } = await importImage(file === '-' ? standardInput('import') : file, {
        ...rootsOf(command),
        ...(name === undefined ? {} : { name }),
        ...(change === undefined ? {} : { changes: change }),
        ...(message === undefined ? {} : { message }),
        ...(platform === undefined ? {} : { platform }),
      })
      writeAll(1, `${id}\n`)
    })
}
