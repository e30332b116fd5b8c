import type { Command } from 'commander'
import { tag } from '../../index.ts'
import { rootsOf } from '../flags/roots.ts'

export const examples = ['utsuwa tag app localhost:5000/team/app:1']

export function define(command: Command): void {
  command
    .argument('<IMAGE>', 'name, id or its beginning')
    .argument('<NAME...>', 'new names, such as registry.example/team/app:1.2')
    .action(async (image: string, names: string[]) => {
      for (const name of names) await tag(image, name, rootsOf(command))
    })
}
