import { type Command, Option } from 'commander'
import { type SaveFormat, save } from '../../index.ts'
import { rootsOf } from '../flags/roots.ts'
import { standardOutput } from '../terminal/standard-streams.ts'

interface SaveFlags {
  readonly format: SaveFormat
  readonly output?: string
}

const formats: SaveFormat[] = ['docker-archive', 'oci-archive', 'oci-dir']

export const examples = ['utsuwa save -o debian.tar debian']

export function define(command: Command): void {
  command
    .argument('<IMAGE...>', 'names, ids or their beginnings')
    .option('-o, --output <FILE>', 'file or directory to write (default: standard output)')
    .addOption(new Option('--format <FORMAT>', formats.join(', ')).choices(formats).default('docker-archive'))
    .action((images: string[], { format, output = '-' }: SaveFlags) =>
      save(images, output === '-' ? standardOutput('save') : output, { ...rootsOf(command), format }),
    )
}
