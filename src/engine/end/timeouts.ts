/** Ends what runs too long: by the clock, or by the CPU time it has used. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseCpuStat } from '../../cgroup/stats/stats.ts'
import { UtsuwaError } from '../../errors.ts'
import { isErrno } from '../../util/errno.ts'

export interface TimeoutOptions {
  /** Milliseconds after the start of the command at which it is killed. Default: none. */
  readonly timeout?: number
}

export interface CpuTimeoutOptions extends TimeoutOptions {
  /** Milliseconds of CPU time, of all processes of the container together, at which it is killed. Default: none. */
  readonly cpuTimeout?: number
}

/** Which of the two it was. */
export type TimedOut = 'wall' | 'cpu'

/** Longest delay of setTimeout; a longer one would fire at once. */
const MAX_DELAY = 2 ** 31 - 1
/** The CPU time is not looked at more often, in milliseconds. */
const SHORTEST_LOOK = 2

export class Timeouts implements Disposable {
  /** Undefined until one has fired. */
  expired: TimedOut | undefined
  readonly #kill: (which: TimedOut) => void
  #wall: NodeJS.Timeout | undefined
  #cpu: NodeJS.Timeout | undefined

  /**
   * Runs from now on.
   * @param cgroupDirectory where the CPU time stands; needed for `cpuTimeout` alone
   */
  constructor(
    { timeout, cpuTimeout }: CpuTimeoutOptions,
    cgroupDirectory: string | undefined,
    kill: (which: TimedOut) => void,
  ) {
    this.#kill = kill
    if (timeout !== undefined) this.#wall = setTimeout(() => this.#expire('wall'), Math.min(timeout, MAX_DELAY))
    if (cpuTimeout !== undefined) this.#watchCpu(cpuTimeout, join(cgroupDirectory ?? '', 'cpu.stat'))
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#wall)
    clearTimeout(this.#cpu)
  }

  #expire(which: TimedOut): void {
    this.expired = which
    this[Symbol.dispose]()
    this.#kill(which)
  }

  /** However it computes, it cannot reach the limit before what is left of it has passed on every CPU of the machine. */
  #watchCpu(limit: number, file: string): void {
    const left = limit - usedMilliseconds(file)
    if (left <= 0) this.#expire('cpu')
    else
      this.#cpu = setTimeout(
        () => this.#watchCpu(limit, file),
        Math.min(Math.max(left / availableParallelism(), SHORTEST_LOOK), MAX_DELAY),
      )
  }
}

/** @throws UtsuwaError INVALID_ARGUMENT for what is no duration */
export function checkTimeouts({ timeout, cpuTimeout }: CpuTimeoutOptions): void {
  for (const [option, value] of Object.entries({ timeout, cpuTimeout }))
    if (value !== undefined && !(value > 0))
      throw new UtsuwaError('INVALID_ARGUMENT', `must be a positive number of milliseconds, found ${value}`, {
        operation: `set ${option}`,
      })
}

function usedMilliseconds(file: string): number {
  try {
    return parseCpuStat(readFileSync(file, 'utf8')).usageUsec / 1000
  } catch (error) {
    // The container has ended, and its cgroup is gone.
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENODEV')) return 0
    throw error
  }
}
