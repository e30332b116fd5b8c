import type { Command } from 'commander'
import { inspectManifest } from '../../index.ts'
import { printableJson } from '../flags/output-format.ts'
import { addRegistryFlags, type RegistryFlags, registryOptions } from '../flags/registry-flags.ts'
import { writeAll } from '../print/write.ts'

export const examples = ['utsuwa manifest inspect alpine:3', 'utsuwa manifest inspect localhost:5000/team/app']

export function define(command: Command): void {
  const inspect = command
    .command('inspect')
    .description('print the manifest, or the index, that a registry has for a name')
  addRegistryFlags(inspect)
    .argument('<IMAGE>', 'such as alpine:3, localhost:5000/team/app, name@sha256:…')
    .action(async (name: string, flags: RegistryFlags) => {
      const { document } = await inspectManifest(name, registryOptions(flags))
      writeAll(1, `${printableJson(document)}\n`)
    })
}
