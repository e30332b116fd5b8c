/** A container that has not ended: what holds it back. */
import type { CgroupStats } from '../../cgroup/stats/stats.ts'
import { formatBinarySize } from '../../util/sizes.ts'
import type { Cause, DeathFacts, Evidence } from './cause.ts'
import { bytesOf } from './cause-limits.ts'

/** Of its limit, where one can say that it is close. */
const CLOSE = 0.9
/** Percent of the last ten seconds. */
const PRESSED = 10

interface Trouble {
  readonly words: string
  readonly evidence: Evidence
  readonly advice?: string
}

export function whyRunning(facts: DeathFacts, status: string): Cause {
  const troubles = troublesOf(facts)
  const state = `${facts.name} is ${status}: nothing has ended it.`
  const words =
    troubles.length === 0 ? 'No limit holds it back.' : `But ${troubles.map(trouble => trouble.words).join('; ')}.`
  return {
    code: 'running',
    confidence: 'certain',
    summary: `${state} ${words}`,
    evidence: troubles.map(({ evidence }) => evidence),
    advice: troubles.flatMap(({ advice }) => advice ?? []),
  }
}

function troublesOf({ name, stats = { pressure: {} }, limits, full, oom }: DeathFacts): Trouble[] {
  const troubles: (Trouble | undefined)[] = [
    oom && {
      words: `the kernel has killed ${oom.kills} of its processes for lack of memory`,
      evidence: kernel('oom', `memory.events: oom_kill ${oom.kills}`),
      advice: `give it more memory: utsuwa update --memory SIZE ${name}`,
    },
    closeToMemoryLimit(name, stats, bytesOf(limits['memory.max'])),
    heldByMemoryHigh(name, stats, limits['memory.high']),
    throttled(name, stats, limits['cpu.max']),
    forksRefused(name, stats, limits['pids.max']),
    ...(['memory', 'io'] as const).map(what => underPressure(stats, what)),
    ...full.map(text => ({ words: `there is no space left: ${text}`, evidence: kernel('space', text) })),
  ]
  return troubles.filter(trouble => trouble !== undefined)
}

function closeToMemoryLimit(name: string, { memory }: CgroupStats, max: number | undefined): Trouble | undefined {
  if (memory === undefined || max === undefined || memory.currentBytes < CLOSE * max) return undefined
  const use = `${formatBinarySize(memory.currentBytes)} of ${formatBinarySize(max)}`
  return {
    words: `it uses ${use} of memory`,
    evidence: kernel(
      'memory',
      `memory.current is close to memory.max: ${use}; it was reached ${memory.events.max} times`,
    ),
    advice: `give it more memory: utsuwa update --memory SIZE ${name}`,
  }
}

function heldByMemoryHigh(name: string, { memory }: CgroupStats, high = 'max'): Trouble | undefined {
  const count = memory?.events.high ?? 0
  if (count === 0 || high === 'max') return undefined
  return {
    words: `memory.high slows it down, which it has exceeded ${count} times`,
    evidence: kernel('memory', `memory.events: high ${count}; memory.high ${high}`),
    advice: `raise it: echo SIZE > …/memory.high, in the cgroup that utsuwa inspect ${name} names`,
  }
}

function throttled(name: string, { cpu }: CgroupStats, max = 'max'): Trouble | undefined {
  if (cpu === undefined || cpu.throttledPeriods === 0) return undefined
  const share = Math.round((100 * cpu.throttledPeriods) / cpu.periods)
  return {
    words: `its CPU limit has held it back in ${share} % of the periods in which it computed`,
    evidence: kernel(
      'cpu',
      `cpu.stat: nr_throttled ${cpu.throttledPeriods} of ${cpu.periods} periods, for ${seconds(cpu.throttledUsec)}; cpu.max ${max}`,
    ),
    advice: `give it more: utsuwa update --cpus NUMBER ${name}`,
  }
}

function forksRefused(name: string, { pids }: CgroupStats, max = 'max'): Trouble | undefined {
  if (pids === undefined || pids.refusedForks === 0) return undefined
  return {
    words: `it was refused ${pids.refusedForks} processes or threads`,
    evidence: kernel('pids', `pids.events: max ${pids.refusedForks}; pids.max ${max}`),
    advice: `allow more: utsuwa update --pids-limit NUMBER ${name}`,
  }
}

function underPressure({ pressure }: CgroupStats, what: 'memory' | 'io'): Trouble | undefined {
  const share = pressure[what]?.some.avg10 ?? 0
  if (share < PRESSED) return undefined
  return {
    words: `some of it waited for ${what === 'io' ? 'disks' : 'memory'} in ${share} % of the last ten seconds`,
    evidence: kernel('pressure', `${what}.pressure: some avg10=${share}`),
  }
}

function kernel(subject: string, text: string): Evidence {
  return { source: 'kernel', subject, text }
}

export function seconds(microseconds: number): string {
  return `${Number((microseconds / 1e6).toPrecision(3))} s`
}
