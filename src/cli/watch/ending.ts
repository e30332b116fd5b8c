/** The last line: how the container ended, and what it had of its limits. */
import { SIGNAL_BASE } from '../../util/exit-status.ts'
import { count, formatCompactSize, formatDuration } from '../print/format.ts'
import { type WatchedContainer, watchedName } from './frame.ts'

export interface Ending {
  /** Undefined when nobody knows. */
  readonly exitCode: number | undefined
  /** Of what the kernel has killed for lack of memory, if that is known better than from the samples. */
  readonly oomKills?: number | undefined
  readonly memoryPeakBytes?: number | undefined
}

/** @param ending undefined: it goes on */
export function describeEnding(watched: WatchedContainer, ending: Ending | undefined, now: number): string {
  const facts = factsOf(watched, ending)
  return `${watchedName(watched)} ${describeStatus(ending)}${lifetime(watched, now)}${facts.length === 0 ? '' : `: ${facts.join(', ')}`}`
}

function describeStatus(ending: Ending | undefined): string {
  if (ending === undefined) return 'goes on'
  const { exitCode } = ending
  if (exitCode === undefined) return 'ended, and nobody knows how'
  const signal = exitCode > SIGNAL_BASE ? ` (signal ${exitCode - SIGNAL_BASE})` : ''
  return `ended with exit status ${exitCode}${signal}`
}

function lifetime({ started }: WatchedContainer, now: number): string {
  return started === undefined ? '' : ` after ${formatDuration(Math.max(0, now - started))}`
}

function factsOf({ history }: WatchedContainer, ending: Ending | undefined): string[] {
  if (history.last === undefined) return []
  const { memory, cpu, pids, limits } = history.last
  const peak = ending?.memoryPeakBytes ?? memory?.peakBytes ?? memory?.currentBytes
  const limit = limits.memoryMaxBytes === undefined ? '' : ` of ${formatCompactSize(limits.memoryMaxBytes)}`
  const kills = Math.max(ending?.oomKills ?? 0, memory?.events.oomKill ?? 0)
  return [
    peak === undefined ? [] : `memory peak ${formatCompactSize(peak)}${limit}`,
    kills === 0 ? [] : `${kills} killed for lack of memory`,
    cpu === undefined ? [] : `${(cpu.usageUsec / 1_000_000).toFixed(2)} s of CPU time`,
    cpu === undefined || cpu.throttledPeriods === 0
      ? []
      : `throttled in ${cpu.throttledPeriods} of ${cpu.periods} periods`,
    pids === undefined || pids.refusedForks === 0 ? [] : `${count(pids.refusedForks, 'fork')} refused`,
  ].flat()
}
