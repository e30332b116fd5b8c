/** Limits of cgroups that killed, or refused. */

import { KILLED, SIGNAL_BASE } from '../../util/exit-status.ts'
import { formatBinarySize } from '../../util/sizes.ts'
import { type Cause, type DeathFacts, type Evidence, type Rule, runWith } from './cause.ts'
import { signalNameOf } from './cause-signals.ts'

/**
 * memory.events of the container counts its victims; `oom` at a level says whose limit it was (cgroup-v2, "Memory"). The
 * counters are of its whole life: what it survived, and what utsuwa did to it afterwards, is another matter.
 */
export const outOfMemory: Rule = facts => {
  const { oom, exitCode } = facts
  if (oom === undefined || exitCode === 0 || wasAsked(facts)) return undefined
  if (oom.level === 'container') return atOwnLimit(facts)
  return oom.cgroup === undefined ? onTheMachine(facts) : atLimitAbove(facts, oom.cgroup)
}

/** Whether it ended by a signal that utsuwa sent it, or by itself when it was to stop. */
function wasAsked({ sent, signal, exitCode }: DeathFacts): boolean {
  const isBySignal = sent.some(each => signalNameOf(each.signal) === signal || exitCode === SIGNAL_BASE + each.signal)
  return isBySignal || (signal !== 'SIGKILL' && sent.some(({ by }) => by === 'stop'))
}

/** That the first process was a victim the log alone says; of others the status does, as a shell passes it on. */
function confidenceOf({ signal, exitCode, pid, kernelLog }: DeathFacts): Cause['confidence'] {
  const isNamed = kernelLog.some(line => new RegExp(`Killed process ${pid}\\b`).test(line))
  return (signal === 'SIGKILL' ? isNamed : exitCode === KILLED) ? 'certain' : 'likely'
}

/** `x was killed`, or that a process of it was, and the first went on to end with a status of its own. */
function whoDied(facts: DeathFacts): string {
  const { name, signal, exitCode, oom } = facts
  if (signal === 'SIGKILL')
    return `${name} was ${confidenceOf(facts) === 'certain' ? '' : 'most likely '}killed by the kernel`
  const processes = oom!.kills === 1 ? 'a process' : `${oom!.kills} processes`
  const ending =
    exitCode === KILLED
      ? 'its first process passed that on'
      : `it ended with status ${exitCode}, most likely because of that`
  return `The kernel killed ${processes} of ${name}, and ${ending}`
}

function atOwnLimit(facts: DeathFacts): Cause {
  const { name, stats, limits } = facts
  const max = bytesOf(limits['memory.max'])
  const limit = max === undefined ? 'its memory limit' : `its memory limit of ${formatBinarySize(max)}`
  const double = max === undefined ? 'SIZE' : shortSize(max * 2)
  return {
    code: 'oom-own-limit',
    confidence: confidenceOf(facts),
    summary: `${whoDied(facts)}: it was out of memory. It needed more than ${limit}, which is its own, and nothing of what it held could be reclaimed.`,
    evidence: [
      ...counter(facts, `in its own cgroup (memory.max ${limits['memory.max'] ?? 'unknown'})`),
      ...(stats?.memory?.events.oomGroupKill
        ? [{ source: 'kernel', subject: 'oom', text: 'memory.oom.group is set: all were killed together' } as const]
        : []),
    ],
    advice: [
      `give it more: utsuwa run --memory ${double} …; twice as much is a guess, and what it then needs is told by utsuwa why ${name} and utsuwa stats`,
      'or have it use less: a smaller heap or cache, fewer workers',
    ],
  }
}

function atLimitAbove(facts: DeathFacts, cgroup: string): Cause {
  const { name, limits } = facts
  return {
    code: 'oom-ancestor-limit',
    confidence: confidenceOf(facts),
    summary: `${whoDied(facts)}: there was no memory left in ${cgroup}, a cgroup above its own, whose limit all below it share. ${name} had not reached its own limit${describeOwn(limits['memory.max'])}; it was chosen as the victim.`,
    evidence: counter(
      facts,
      `while no limit of its own was hit; memory.events.local of ${cgroup} has counted the limit since`,
    ),
    advice: [
      `see who uses it: grep . /sys/fs/cgroup${cgroup}/*/memory.current, and utsuwa stats`,
      `raise the limit there: echo SIZE > /sys/fs/cgroup${cgroup}/memory.max (or in the unit of systemd that owns it)`,
      ...(bytesOf(limits['memory.max']) === undefined
        ? [
            'or give each container there a limit of its own, so that it cannot take from the others: utsuwa run --memory SIZE …',
          ]
        : []),
    ],
  }
}

function onTheMachine(facts: DeathFacts): Cause {
  const global = facts.kernelLog.some(line => /global_oom|CONSTRAINT_NONE/.test(line))
  return {
    code: 'oom-machine',
    confidence: global ? 'certain' : 'likely',
    summary: `${whoDied(facts)}: ${global ? '' : 'most likely '}the memory of the whole machine was used up. No limit of the container was hit, and none of the cgroups above it that can be seen.`,
    evidence: counter(facts, 'while neither its own cgroup nor one above it counted a limit'),
    advice: [
      'see what else uses memory on this machine: free -m; utsuwa stats --no-stream',
      'have others die first: utsuwa run --oom-score-adj -500 …, or keep memory for it: utsuwa run --memory-reservation SIZE …',
    ],
  }
}

function counter({ oom }: DeathFacts, where: string): Evidence[] {
  return [{ source: 'kernel', subject: 'oom', text: `memory.events: oom_kill ${oom!.kills}, ${where}` }]
}

function describeOwn(max: string | undefined): string {
  const bytes = bytesOf(max)
  return bytes === undefined ? ' (it has none)' : ` of ${formatBinarySize(bytes)}`
}

/** Undefined for `max`. */
export function bytesOf(text: string | undefined): number | undefined {
  return text === undefined || text === 'max' ? undefined : Number(text)
}

/** For a flag: `64m`, or the bytes. */
function shortSize(bytes: number): string {
  const mebibyte = 1024 * 1024
  return bytes % mebibyte === 0 ? `${bytes / mebibyte}m` : String(bytes)
}

/** pids.events counts refusals; that it ended of them is a conclusion. */
export const refusedForks: Rule = ({ name, stats, limits, output }) => {
  const refused = stats?.pids?.refusedForks ?? 0
  if (refused === 0) return undefined
  const max = limits['pids.max'] ?? 'unknown'
  const said = output.findLast(line => /resource temporarily unavailable|can't fork|cannot fork|EAGAIN/i.test(line))
  const most = Number(max) > 0 ? String(Number(max) * 2) : 'NUMBER'
  return {
    code: 'pids-limit',
    confidence: said === undefined ? 'likely' : 'certain',
    summary: `${name} could not start more processes or threads: it had as many as its limit allows (pids.max ${max}), and the kernel refused ${refused} more. ${said === undefined ? 'That it ended because of that is likely; it did not say so.' : 'It ended after it had said so itself.'}`,
    evidence: [
      { source: 'kernel', subject: 'pids', text: `pids.events: max ${refused}; pids.max ${max}` },
      ...(said === undefined ? [] : [{ source: 'log', subject: 'pids', text: said } as const]),
    ],
    advice: [runWith(`--pids-limit ${most}`), 'threads count too: fewer workers need fewer'],
  }
}
