import type { Command } from 'commander'
import { exportContainer } from '../../index.ts'
import { rootsOf } from '../flags/roots.ts'
import { standardOutput } from '../terminal/standard-streams.ts'

export const examples = ['utsuwa export -o web.tar web']

export function define(command: Command): void {
  command
    .argument('<CONTAINER>', 'name, id or its beginning')
    .option('-o, --output <FILE>', 'file to write (default: standard output)')
    .action((container: string, { output = '-' }: { output?: string }) =>
      exportContainer(container, output === '-' ? standardOutput('export') : output, rootsOf(command)),
    )
}
