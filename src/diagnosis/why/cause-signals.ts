/** Signals: who sent them, or what the program did. */
import { constants } from 'node:os'
import { nativeSeccompArch, syscallNumbers } from '../../seccomp/syscalls.ts'
import { KILLED, SIGNAL_BASE } from '../../util/exit-status.ts'
import type { DeathFacts, Evidence, Rule, SentSignal } from './cause.ts'

const LAST_SIGNAL = 64

export const timedOut: Rule = ({ name, sent }) => {
  const timeout = sent.find(({ by }) => by === 'wall-timeout' || by === 'cpu-timeout')
  if (timeout === undefined) return undefined
  const isWall = timeout.by === 'wall-timeout'
  const limit = `${Number(timeout.limit) / 1000} s`
  return {
    code: isWall ? 'timeout' : 'cpu-timeout',
    confidence: 'certain',
    summary: isWall
      ? `${name} was killed by its timeout: it still ran ${limit} after its start, which is all that the program that ran it had allowed.`
      : `${name} was killed by its CPU timeout: its processes together had used the ${limit} of CPU time that the program that ran it had allowed.`,
    evidence: [describeSent(timeout)],
    advice: [`allow more: ${isWall ? 'timeout' : 'cpuTimeout'} of run() and create() is in milliseconds`],
  }
}

/** That somebody asked for it by utsuwa; a death by another signal than theirs is none of their doing. */
export const stoppedOrKilled: Rule = ({ name, sent, signal, exitCode, spec }) => {
  const evidence = sent.map(describeSent)
  const grace = sent.find(({ grace }) => grace !== undefined)
  if (grace !== undefined && (signal === 'SIGKILL' || exitCode === KILLED))
    return {
      code: 'stop-grace-exceeded',
      confidence: 'certain',
      summary: `${name} was killed because it did not stop when it was asked to: utsuwa stop sent it ${signalNames(sent, 'stop')}, and it still ran ${grace.grace} s later, when its grace period was over.`,
      evidence,
      advice: [
        ...(isShell(spec?.process?.args)
          ? ['its first process is a shell, which does not pass signals on: let it exec the program, or set a trap']
          : [
              'the first process of a container ignores a signal that it has no handler for: handle it, or use utsuwa run --init …',
            ]),
        'give it longer: utsuwa run --stop-timeout SECONDS …, or utsuwa stop --time SECONDS …; or ask by another signal: --stop-signal',
      ],
    }
  const stop = sent.find(({ by }) => by === 'stop')
  if (stop !== undefined)
    return {
      code: 'stopped',
      confidence: 'certain',
      summary: `${name} was asked to stop (utsuwa stop or restart), by ${signalNames(sent, 'stop')}, and ended within its grace period${signal === undefined ? `, with status ${exitCode}` : ''}.`,
      evidence,
      advice: [],
    }
  const deadly = sent.findLast(
    ({ signal: number }) => signalNameOf(number) === signal || exitCode === SIGNAL_BASE + number,
  )
  if (deadly === undefined) return undefined
  const who = deadly.by === 'program' ? 'the program or terminal that ran it' : 'utsuwa kill'
  return {
    code: 'killed-by-utsuwa',
    confidence: 'certain',
    summary: `${name} was ended by ${signalNameOf(deadly.signal)}, which ${who} sent it.`,
    evidence,
    advice: [],
  }
}

/** SECCOMP_RET_KILL_*: seccomp(2). The kernel's audit line, where it writes one, has the number of the call. */
export const seccompKill: Rule = facts => {
  if (!diedBy(facts, 'SIGSYS')) return undefined
  const { name, kernelLog, spec } = facts
  const audit = kernelLog.find(line => /type=1326/.test(line))
  const call = audit === undefined ? undefined : syscallIn(audit)
  const action = spec?.linux?.seccomp?.syscalls?.find(({ action }) => action.startsWith('SCMP_ACT_KILL'))?.action
  return {
    code: 'seccomp',
    confidence: facts.signal === 'SIGSYS' ? 'certain' : 'likely',
    summary: `${subject(facts)} killed by its seccomp filter: it made ${call === undefined ? 'a system call' : `the system call ${call}`} that the filter answers with death (SIGSYS).`,
    evidence: [
      ...(audit === undefined ? [] : [{ source: 'kernel', subject: 'audit', text: audit } as const]),
      ...(action === undefined
        ? []
        : [{ source: 'spec', subject: 'seccomp', text: `its profile has ${action}` } as const]),
    ],
    advice: [
      call === undefined
        ? 'find the call: set the action to SCMP_ACT_LOG in the profile, and look into dmesg'
        : `allow ${call} in the profile: utsuwa run --security-opt seccomp=FILE …`,
      `see whether it is the filter: utsuwa run --security-opt seccomp=unconfined … (not for ${name} in production)`,
    ],
  }
}

const faults: Readonly<Record<string, string>> = {
  SIGSEGV: 'used memory that it does not have (a segmentation fault)',
  SIGBUS: 'used memory that could not be given to it, such as a mapped file that has become shorter',
  SIGILL: 'executed an instruction that this processor does not have',
  SIGFPE: 'made an arithmetic error, such as a division by zero',
  SIGTRAP: 'ran into a breakpoint or an assertion of its own',
  SIGABRT: 'gave up by itself: it called abort(3), as a failed assertion or a corrupt heap does',
}

export const crash: Rule = facts => {
  const signal = Object.keys(faults).find(name => diedBy(facts, name))
  if (signal === undefined) return undefined
  const isFirst = facts.signal === signal
  const advice: Readonly<Record<string, string>> = {
    SIGILL: 'it may be built for a newer processor: take a build for an older one (x86-64-v1)',
    SIGBUS: 'a full /dev/shm does that as well: utsuwa run --shm-size 256m …',
  }
  return {
    code: signal === 'SIGSEGV' ? 'segfault' : 'crashed',
    confidence: isFirst ? 'certain' : 'likely',
    summary: `${isFirst ? facts.name : `A process of ${facts.name}`} crashed: it ${faults[signal]}, and ended by ${signal}. That is a fault of the program, not of a limit.`,
    evidence: facts.kernelLog.map(text => ({ source: 'kernel', subject: 'kernel log', text })),
    advice: [
      ...(advice[signal] === undefined ? [] : [advice[signal]]),
      'have a core file written: utsuwa run --ulimit core=-1 …; where it goes, /proc/sys/kernel/core_pattern says',
    ],
  }
}

/** RLIMIT_CPU: SIGXCPU at the soft limit, SIGKILL at the hard one (setrlimit(2)). */
export const cpuTimeLimit: Rule = facts => {
  const limit = facts.spec?.process?.rlimits?.find(({ type }) => type === 'RLIMIT_CPU')
  const used = (facts.stats?.cpu?.usageUsec ?? 0) / 1e6
  const byHard = diedBy(facts, 'SIGKILL') && limit !== undefined && used >= Number(limit.hard)
  if (!diedBy(facts, 'SIGXCPU') && !byHard) return undefined
  return {
    code: 'cpu-time-limit',
    confidence: byHard ? 'likely' : 'certain',
    summary: `${subject(facts)} killed because it had used all the CPU time that its resource limit allows (RLIMIT_CPU${limit === undefined ? '' : `: ${limit.soft} s, and at most ${limit.hard} s`}).`,
    evidence: [{ source: 'kernel', subject: 'cpu', text: `${used.toFixed(1)} s of CPU time were used` }],
    advice: ['raise it: utsuwa run --ulimit cpu=SECONDS …'],
  }
}

/**
 * A signal that utsuwa did not send. The first process of a PID namespace gets none from inside that it has no handler
 * for (pid_namespaces(7)), so it came from outside.
 */
export const killed: Rule = facts => {
  const { name, signal, exitCode, spec } = facts
  const isShared = !spec?.linux?.namespaces?.some(({ type, path }) => type === 'pid' && path === undefined)
  if (signal !== undefined)
    return {
      code: 'killed-from-outside',
      confidence: isShared ? 'likely' : 'certain',
      summary: `${name} was ended by ${signal}, and it was not utsuwa that sent it: no utsuwa command did, and the kernel did not kill for lack of memory. ${isShared ? 'It shares its PID namespace, so who sent it can be a process of the host as well as one of its own.' : 'Inside the container nothing can do that to its first process, so a process of this machine sent it: a person with kill(1), a supervisor, or an out-of-memory daemon.'}`,
      evidence: [{ source: 'kernel', subject: 'signal', text: `${signal} ended the first process` }],
      advice: [
        'find who: journalctl --since "10 minutes ago" | grep -iE "oomd|earlyoom|kill"',
        'or record signals as they are sent: perf trace -e signal:signal_generate, or auditctl -a always,exit -S kill',
      ],
    }
  const number = exitCode - SIGNAL_BASE
  if (number <= 0 || number > LAST_SIGNAL) return undefined
  return {
    code: 'killed-inside',
    confidence: 'likely',
    summary: `A process of ${name} was most likely ended by ${signalNameOf(number)}: its first process exited with status ${exitCode}, which is what a shell says of a command that a signal has ended (128 + ${number}). Nobody has asked utsuwa for that, and the kernel did not kill for lack of memory.`,
    evidence: [],
    advice: ['look at what it printed last; who sent the signal is not known'],
  }
}

/** By its first process's signal, or by the status with which a shell passes on that of its command. */
function diedBy({ signal, exitCode }: DeathFacts, name: string): boolean {
  return (
    signal === name || (signal === undefined && exitCode === SIGNAL_BASE + constants.signals[name as NodeJS.Signals])
  )
}

function subject({ name, signal }: DeathFacts): string {
  return signal === undefined ? `A process of ${name} was most likely` : `${name} was`
}

function syscallIn(audit: string): string | undefined {
  const number = Number(/\bsyscall=(\d+)/.exec(audit)?.[1])
  const arch = nativeSeccompArch()
  if (arch === undefined) return undefined
  return [...syscallNumbers(arch)].find(([, each]) => each === number)?.[0]
}

function signalNames(sent: readonly SentSignal[], by: string): string {
  return [
    ...new Set(sent.filter(each => each.by === by && each.grace === undefined).map(each => signalNameOf(each.signal))),
  ].join(' and ')
}

function describeSent({ time, signal, by, grace }: SentSignal): Evidence {
  const why = grace === undefined ? '' : `, ${grace} s after it was asked to stop`
  return {
    source: 'utsuwa',
    subject: 'signal',
    text: `${signalNameOf(signal)} at ${time} by ${authors[by ?? ''] ?? 'utsuwa'}${why}`,
  }
}

const authors: Readonly<Record<string, string>> = {
  stop: 'utsuwa stop',
  kill: 'utsuwa kill',
  program: 'whoever ran it',
  'wall-timeout': 'its timeout',
  'cpu-timeout': 'its CPU timeout',
}

export function signalNameOf(number: number): string {
  return Object.entries(constants.signals).find(([, each]) => each === number)?.[0] ?? `signal ${number}`
}

function isShell(args: readonly string[] = []): boolean {
  return /(?:^|\/)(?:ba|da|a|z|k)?sh$/.test(args[0] ?? '')
}
