/** The commands by name. tools/build.ts makes scripts with one of them alone. */
import { command as checkpoint } from './checkpoint.ts'
import type { Command } from './command.ts'
import { command as create } from './create.ts'
import { command as remove } from './delete.ts'
import { command as events } from './events.ts'
import { command as exec } from './exec.ts'
import { command as features } from './features.ts'
import { command as kill } from './kill.ts'
import { command as list } from './list.ts'
import { command as pause } from './pause.ts'
import { command as ps } from './ps.ts'
import { command as restore } from './restore.ts'
import { command as resume } from './resume.ts'
import { command as run } from './run.ts'
import { command as spec } from './spec.ts'
import { command as start } from './start.ts'
import { command as state } from './state.ts'
import { command as update } from './update.ts'

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
