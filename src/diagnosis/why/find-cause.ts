/** Why a container ended, found from what is known of its end: the rules, in the order in which they are asked. */
import type { Cause, DeathFacts, Rule } from './cause.ts'
import { completed, failed, fromLog } from './cause-exit.ts'
import { outOfMemory, refusedForks } from './cause-limits.ts'
import { cpuTimeLimit, crash, killed, seccompKill, stoppedOrKilled, timedOut } from './cause-signals.ts'
import { failedStart } from './cause-start.ts'

/** What is certain comes before what is likely; what somebody did on purpose before what followed from it. */
const rules: readonly Rule[] = [
  failedStart,
  timedOut,
  outOfMemory,
  stoppedOrKilled,
  seccompKill,
  crash,
  cpuTimeLimit,
  killed,
  completed,
  refusedForks,
  fromLog,
]

export function findCause(facts: DeathFacts): Cause {
  for (const rule of rules) {
    const cause = rule(facts)
    if (cause !== undefined) return cause
  }
  return failed(facts)
}
