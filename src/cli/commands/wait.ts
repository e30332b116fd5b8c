import type { Command } from 'commander'
import { waitForContainer } from '../../index.ts'
import { forEachArgument } from '../flags/each-argument.ts'
import { rootsOf } from '../flags/roots.ts'
import { writeAll } from '../print/write.ts'

export const examples = ['utsuwa wait job']

export function define(command: Command): void {
  command.argument('<CONTAINER...>', 'names, ids or their beginnings').action((names: string[]) => {
    // All at once: one that is removed with its end must be waited for before it ends.
    const statuses = new Map(names.map(name => [name, waitForContainer(name, rootsOf(command))]))
    for (const status of statuses.values()) status.catch(() => undefined)
    return forEachArgument(names, async name => writeAll(1, `${await statuses.get(name)}\n`))
  })
}
