/** A command that exited by itself: what its status and its last words say. */
import type { Mount, RuntimeSpec } from '../../spec/runtime.ts'
import { type Cause, type DeathFacts, type Rule, runWith } from './cause.ts'

export const completed: Rule = ({ name, exitCode, oom }) => {
  if (exitCode !== 0) return undefined
  const killed =
    oom === undefined
      ? ''
      : ' On the way the kernel killed a process of it for lack of memory, which it took in its stride.'
  return {
    code: 'completed',
    confidence: 'certain',
    summary: `${name} did not fail: its command has ended by itself, with status 0.${killed}`,
    evidence: [],
    advice: [
      'if it should have gone on: its first process is what keeps a container running, and must stay in the foreground',
    ],
  }
}

export function failed({ name, exitCode, output }: DeathFacts): Cause {
  const words = output.length > 0 ? 'What it printed last is below.' : 'Of what it printed nothing is kept.'
  return {
    code: 'failed',
    confidence: 'certain',
    summary: `${name} ended by itself, with status ${exitCode}: that is its own word for what went wrong. No signal, limit or filter ended it. ${words}`,
    evidence: [],
    advice: output.length > 0 ? [] : [`keep what it prints: utsuwa run --detach …; then utsuwa logs`],
  }
}

interface LastWords {
  readonly pattern: RegExp
  explain(facts: DeathFacts, line: string): Omit<Cause, 'evidence'>
}

/** From the most telling to the least. */
const lastWords: readonly LastWords[] = [
  { pattern: /no space left on device|ENOSPC|disk quota exceeded|EDQUOT/i, explain: noSpace },
  { pattern: /read-only file system|EROFS/i, explain: readOnly },
  {
    pattern: /error while loading shared libraries|error loading shared library|error relocating/i,
    explain: missingLibrary,
  },
  { pattern: /: (?:command )?not found|command not found/i, explain: notFoundInside },
  { pattern: /operation not permitted|EPERM|permission denied|EACCES/i, explain: notPermitted },
]

/** What a program says it ended of is likely, and certain where the kernel says the same. */
export const fromLog: Rule = facts => {
  const output = facts.output.toReversed()
  for (const { pattern, explain } of lastWords) {
    const line = output.find(each => pattern.test(each))
    if (line === undefined) continue
    const cause = explain(facts, line)
    const full = cause.code === 'no-space' ? facts.full : []
    return {
      ...cause,
      evidence: [
        { source: 'log', subject: 'it said', text: line },
        ...full.map(text => ({ source: 'kernel', subject: 'space', text }) as const),
      ],
    }
  }
  return undefined
}

function noSpace({ name, exitCode, full, spec }: DeathFacts, line: string): Omit<Cause, 'evidence'> {
  const mount = mountIn(spec, line)
  const place =
    mount === undefined
      ? full[0] === undefined
        ? 'a place that it wrote to'
        : full[0]
      : `${mount.destination}${mount.type === 'tmpfs' ? `, a temporary file system of ${sizeOf(mount)}` : ''}`
  return {
    code: 'no-space',
    confidence: full.length > 0 ? 'certain' : 'likely',
    summary: `${name} ${full.length > 0 ? '' : 'most likely '}ended, with status ${exitCode}, because there was no space left in ${place}: it said so, and ${full.length > 0 ? 'it is so still' : 'whether it was so cannot be looked at any more'}.`,
    advice: [
      mount?.type === 'tmpfs'
        ? `make it larger: utsuwa run --tmpfs ${mount.destination}:size=SIZE …`
        : 'make room: utsuwa prune, or a larger file system below /var/lib/utsuwa or the volume',
    ],
  }
}

function readOnly({ name, exitCode, spec }: DeathFacts, line: string): Omit<Cause, 'evidence'> {
  const mount = mountIn(spec, line)
  const isMount = mount?.options?.includes('ro') === true
  const isRoot = !isMount && spec?.root?.readonly === true
  const what = isMount
    ? `${mount.destination}, which is mounted read-only`
    : isRoot
      ? 'its root file system, which is read-only'
      : 'a read-only file system'
  return {
    code: 'read-only-file-system',
    confidence: isMount || isRoot ? 'certain' : 'likely',
    summary: `${name} ended, with status ${exitCode}, after it had tried to write to ${what}.`,
    advice: [
      ...(isRoot
        ? ['give it a place to write to: utsuwa run --tmpfs /tmp …, or -v VOLUME:DIR', 'or leave out --read-only']
        : []),
      ...(isMount ? [`mount ${mount.destination} without ro`] : []),
      ...(isRoot || isMount
        ? []
        : ['files of the kernel in /proc and /sys are read-only in a container: --sysctl NAME=VALUE sets some']),
    ],
  }
}

function missingLibrary({ name, exitCode }: DeathFacts, line: string): Omit<Cause, 'evidence'> {
  const library = /[\w.+-]+\.so[\w.]*/.exec(line.replace(/^.*librar(?:y|ies):?/, ''))?.[0]
  return {
    code: 'missing-library',
    confidence: exitCode === 127 ? 'certain' : 'likely',
    summary: `${name} ended, with status ${exitCode}, because a program of it needs the shared library ${library ?? 'named below'}, which its image does not have.`,
    advice: ['install the library in the image; ldd PROGRAM lists what is missing'],
  }
}

function notFoundInside({ name, exitCode }: DeathFacts): Omit<Cause, 'evidence'> {
  return {
    code: 'command-not-found',
    confidence: exitCode === 127 ? 'certain' : 'likely',
    summary: `${name} ended, with status ${exitCode}, because its shell did not find a command.`,
    advice: ['install the program in the image, or give its path; PATH is set by utsuwa run -e PATH=… …'],
  }
}

function notPermitted({ name, exitCode, spec }: DeathFacts, line: string): Omit<Cause, 'evidence'> {
  const device = /\/dev\/[\w/]+/.exec(line)?.[0]
  const user = spec?.process?.user.uid ?? 0
  return {
    code: 'not-permitted',
    confidence: 'likely',
    summary: `${name} most likely ended, with status ${exitCode}, because the kernel did not permit something${device === undefined ? '' : ` about ${device}`}. The kernel does not tell which of its walls it was: file modes, capabilities, seccomp${device === undefined ? '' : ', or the rules for devices'}.`,
    advice: [
      ...(device === undefined ? [] : [`give it the device: utsuwa run --device ${device} …`]),
      ...(user === 0 ? [] : [`it runs as uid ${user}: change the owner of the file, or utsuwa run --user 0 …`]),
      runWith('--cap-add CAPABILITY'),
      'see whether it is seccomp: utsuwa run --security-opt seccomp=unconfined …',
    ],
  }
}

/** The lowest mount of the container that a path in the line lies on. */
function mountIn(spec: RuntimeSpec | undefined, line: string): Mount | undefined {
  const paths = line.match(/\/[\w./-]+/g) ?? []
  const isBelow = (path: string, { destination }: Mount): boolean =>
    path === destination || path.startsWith(`${destination}/`)
  return spec?.mounts
    ?.filter(mount => paths.some(path => isBelow(path, mount)))
    .sort((a, b) => b.destination.length - a.destination.length)[0]
}

function sizeOf({ options = [] }: Mount): string {
  return options.find(option => option.startsWith('size='))?.slice('size='.length) ?? 'half the memory of the machine'
}
