import type { Command } from 'commander'
import { attach } from '../../index.ts'
import { type AttachFlags, addAttachFlags } from '../flags/attach-flags.ts'
import { rootsOf } from '../flags/roots.ts'
import { relay } from '../terminal/attached.ts'

interface Flags extends AttachFlags {
  /** Negated flag: false when given. */
  readonly stdin: boolean
}

export const examples = ['utsuwa attach web', 'utsuwa attach --no-stdin --sig-proxy=false web']

export function define(command: Command): void {
  addAttachFlags(command)
    .argument('<CONTAINER>', 'name, id or its beginning')
    .option('--no-stdin', 'do not pass on standard input')
    .action(async (name: string, { stdin, sigProxy, detachKeys }: Flags) => {
      const roots = rootsOf(command)
      const attachment = await attach(name, { ...roots, input: stdin })
      process.exitCode = await relay(attachment, roots, { input: stdin, signals: sigProxy === 'true', detachKeys })
    })
}
