/** The commands by name. */
import { checkpoint } from './checkpoint.ts'
import type { Command } from './command.ts'
import { create } from './create.ts'
import { remove } from './delete.ts'
import { events } from './events.ts'
import { exec } from './exec.ts'
import { features } from './features.ts'
import { kill } from './kill.ts'
import { list } from './list.ts'
import { pause } from './pause.ts'
import { ps } from './ps.ts'
import { restore } from './restore.ts'
import { resume } from './resume.ts'
import { run } from './run.ts'
import { spec } from './spec.ts'
import { start } from './start.ts'
import { state } from './state.ts'
import { update } from './update.ts'

export const commands: Readonly<Record<string, Command>> = {
  checkpoint,
  create,
  delete: remove,
  events,
  exec,
  features,
  kill,
  list,
  pause,
  ps,
  restore,
  resume,
  run,
  spec,
  start,
  state,
  update,
}
