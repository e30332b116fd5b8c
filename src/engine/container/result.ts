/** What a finished run returns. */

import type { Outcome } from '../end/outcome.ts'
import type { TimedOut } from '../end/timeouts.ts'
import type { CapturedText } from '../streams/capture.ts'
import type { Phases, Span } from './timeline.ts'

/** How a container ended. */
export interface RunResult extends Outcome, CapturedText {
  /** Undefined when it ended before its timeouts. */
  readonly timedOut: TimedOut | undefined
  /** How long each step took, in microseconds. */
  readonly phases: Phases
  /** The phases with their times, in the order in which they began; see `chromeTrace`. */
  readonly timeline: readonly Span[]
}
