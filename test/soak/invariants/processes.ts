import { processes as all } from '../processes.ts'
import type { Invariant } from './invariant.ts'

/** Zombies are processes too. */
export const processes: Invariant = {
  name: 'processes',
  observe: () => all().map(({ state, commandLine }) => (state === 'Z' ? `zombie ${commandLine}` : commandLine)),
}
