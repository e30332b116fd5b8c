/** Texts that the command prints about itself. */
import { OCI_VERSION } from '../../spec/runtime.ts'
import { commit, version } from '../version.ts'
import type { Command } from './command.ts'
import { commands } from './commands.ts'
import { describeFlags, type FlagTable } from './flags.ts'
import { helpFlags } from './global-flags.ts'

/** In the layout of runc's, which engines take apart. */
export function versionText(): string {
  return `utsuwa-oci version ${version}\ncommit: ${commit}\nspec: ${OCI_VERSION}\nnode: ${process.versions.node}\n`
}

export function globalHelp(globalFlags: FlagTable): string {
  const width = Math.max(...Object.keys(commands).map(name => name.length))
  const list = Object.entries(commands).map(([name, { summary }]) => `   ${name.padEnd(width)}  ${summary}\n`)
  return [
    'NAME:\n   utsuwa-oci - run containers from OCI bundles\n',
    'USAGE:\n   utsuwa-oci [global flags] COMMAND [flags] [arguments]\n',
    `COMMANDS:\n${list.join('')}`,
    `GLOBAL FLAGS:\n${describeFlags(globalFlags)}`,
  ].join('\n')
}

export function commandHelp(name: string, { summary, usage, flags }: Command): string {
  return [
    `NAME:\n   utsuwa-oci ${name} - ${summary}\n`,
    `USAGE:\n   utsuwa-oci ${name} [flags] ${usage}`.trimEnd().concat('\n'),
    `FLAGS:\n${describeFlags({ ...flags, ...helpFlags })}`,
  ].join('\n')
}
