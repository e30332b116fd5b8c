/** The commands by name. */
import type { Command } from './command.ts'
import { create } from './create.ts'
import { remove } from './delete.ts'
import { kill } from './kill.ts'
import { list } from './list.ts'
import { run } from './run.ts'
import { spec } from './spec.ts'
import { start } from './start.ts'
import { state } from './state.ts'

export const commands: Readonly<Record<string, Command>> = {
  create,
  delete: remove,
  kill,
  list,
  run,
  spec,
  start,
  state,
}
