import type { Command } from 'commander'
import { type Attachment, attach, type Roots, startContainer, UtsuwaError } from '../../index.ts'
import { type AttachFlags, addAttachFlags } from '../flags/attach-flags.ts'
import { MANY_AT_ONCE, printEach } from '../flags/each-argument.ts'
import { rootsOf } from '../flags/roots.ts'
import { relay } from '../terminal/attached.ts'

interface Flags extends AttachFlags {
  readonly attach?: boolean
  readonly interactive?: boolean
}

export const examples = ['utsuwa start web db', 'utsuwa start -ai shell']

export function define(command: Command): void {
  addAttachFlags(command)
    .argument('<CONTAINER...>', 'names, ids or their beginnings')
    .option('-a, --attach', 'show what it prints, and exit with its status')
    .option('-i, --interactive', 'the same, and pass on standard input')
    .action(async (names: string[], flags: Flags) => {
      const roots = rootsOf(command)
      if (flags.attach || flags.interactive) process.exitCode = await startAttached(names, flags, roots)
      else await printEach(names, name => startContainer(name, roots), { atOnce: MANY_AT_ONCE })
    })
}

async function startAttached(names: readonly string[], flags: Flags, roots: Roots): Promise<number> {
  const [name, another] = names
  if (name === undefined || another !== undefined)
    throw new UtsuwaError('INVALID_ARGUMENT', '--attach and --interactive are for one container')
  const { interactive: input = false, sigProxy, detachKeys } = flags
  let attachment: Attachment | undefined
  await startContainer(name, {
    ...roots,
    beforeStart: async id => {
      attachment = await attach(id, { ...roots, input })
    },
  })
  return relay(attachment!, roots, { input, signals: sigProxy === 'true', detachKeys })
}
