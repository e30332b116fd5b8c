/** The kernel's own period, in microseconds, where only the time in it is written. */
const DEFAULT_PERIOD = '100000'

/** cpu.max as CPUs: `50000 100000` → 0.5; infinite for `max`. */
export function parseCpuMax(text: string): number {
  const [quota = 'max', period = DEFAULT_PERIOD] = text.split(' ')
  return quota === 'max' ? Number.POSITIVE_INFINITY : Number(quota) / Number(period)
}
