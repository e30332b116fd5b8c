/** `why`: what a container ended of, or what holds back one that runs. */
import { type CgroupStats, readCgroupStats } from '../../cgroup/stats/stats.ts'
import { keeperOf, untilNoted } from '../../engine/end/ending.ts'
import { oomIn } from '../../engine/end/outcome.ts'
import { type PostMortem, readLimits, readPostMortem } from '../../engine/end/post-mortem.ts'
import { parseLogLines } from '../../engine/monitor/log-lines.ts'
import { logBlocks } from '../../engine/monitor/logs.ts'
import { isUtsuwaError } from '../../errors.ts'
import { findCgroupDirectory } from '../../runtime/state/cgroup-directory.ts'
import { readJournal, startOf } from '../../runtime/state/journal.ts'
import { isRestarting, readExit } from '../../runtime/state/monitored.ts'
import { containersDirectory, readByName } from '../../runtime/state/names.ts'
import { type ContainerRecord, findRecord, readRecord, readSpec } from '../../runtime/state/record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { type ContainerStatus, containerStatus } from '../../runtime/state/status.ts'
import { signalName } from '../../util/how-ended.ts'
import type { Cause, CauseCode, DeathFacts, Evidence, SentSignal } from './cause.ts'
import { whyRunning } from './cause-running.ts'
import { failedRestart } from './cause-start.ts'
import { figuresOf } from './figures.ts'
import { findCause } from './find-cause.ts'
import { fullPlaces } from './full-places.ts'

const OUTPUT_LINES = 10
const SHORT_ID = 12

/** Why a container ended. */
export interface Why extends Cause {
  readonly id: string
  readonly name: string | undefined
  readonly status: ContainerStatus | 'restarting'
  /** Undefined while it runs, and when nobody saw its end. */
  readonly exitCode: number | undefined
  /** Such as `SIGKILL`; undefined when the first process exited by itself. */
  readonly signal: string | undefined
  /** RFC 3339. */
  readonly started: string | undefined
  /** RFC 3339. */
  readonly finished: string | undefined
  /** The last lines that it printed; none where they are not kept. */
  readonly output: readonly string[]
}

/**
 * What a container ended of, as far as that is known: the cause, what it rests on, and what to change.
 *
 * @param nameOrId a name, an id, or the beginning of one
 * @example const { code, summary, advice } = await why('web')
 * @throws UtsuwaError CONTAINER_NOT_FOUND, INVALID_ARGUMENT when it is ambiguous
 */
export async function why(nameOrId: string, { runRoot = DEFAULT_RUN_ROOT }: Pick<Roots, 'runRoot'> = {}): Promise<Why> {
  const stateRoot = containersDirectory(runRoot)
  const record = await settled(stateRoot, readByName(runRoot, nameOrId))
  const { id, managed } = record
  const status = isRestarting(stateRoot, record) ? 'restarting' : containerStatus(stateRoot, record)
  const isOver = status === 'stopped' || status === 'restarting'
  const facts = await gather(runRoot, record, isOver)
  const cause = isOver ? whyEnded(facts, stateRoot, record, status) : whyAlive(facts, status)
  return {
    ...cause,
    evidence: [...ending(facts, record, isOver), ...cause.evidence, ...figuresOf(facts, cause.code)],
    id,
    name: managed?.name,
    status,
    exitCode: isOver ? exitOf(stateRoot, record)?.exitCode : undefined,
    signal: facts.signal,
    started: startOf(runRoot, record),
    finished: isOver ? managed?.exit?.finished : undefined,
    output: facts.output,
  }
}

/** Right after its end there is a moment in which only its monitor knows of it. */
async function settled(stateRoot: string, record: ContainerRecord): Promise<ContainerRecord> {
  const isNoted = ({ managed }: ContainerRecord): boolean =>
    managed?.exit !== undefined || managed?.startFailure !== undefined
  if (isNoted(record) || isRestarting(stateRoot, record)) return record
  if (containerStatus(stateRoot, record) !== 'stopped') return record
  await untilNoted(keeperOf(record), () => {
    const now = findRecord(stateRoot, record.id)
    return now === undefined || isNoted(now) || undefined
  })
  return readRecord(stateRoot, record.id)
}

/** As it is written down, or as its monitor has told. */
function exitOf(stateRoot: string, { id, managed }: ContainerRecord): { readonly exitCode: number } | undefined {
  return managed?.exit ?? readExit(stateRoot, id)
}

async function gather(runRoot: string, record: ContainerRecord, isOver: boolean): Promise<DeathFacts> {
  const stateRoot = containersDirectory(runRoot)
  const { id, managed } = record
  const seen = isOver ? postMortemOf(stateRoot, record) : liveOf(record)
  const spec = record.phase === 'created' ? readSpec(stateRoot, id) : undefined
  const number = readExit(stateRoot, id)?.signal ?? 0
  return {
    name: managed?.name ?? id.slice(0, SHORT_ID),
    pid: record.pid,
    exitCode: exitOf(stateRoot, record)?.exitCode ?? 0,
    signal: seen?.signal ?? (isOver && number !== 0 ? signalName(number) : undefined),
    startFailure: managed?.startFailure,
    sent: signalsSentTo(runRoot, id),
    oom: seen?.oom,
    stats: seen?.stats,
    limits: seen?.limits ?? {},
    spec,
    kernelLog: seen?.kernelLog ?? [],
    output: await lastLines(runRoot, id),
    full: spec === undefined ? [] : await fullPlaces(record, spec, isOver),
  }
}

/** That of the last run, not of an earlier one. */
function postMortemOf(stateRoot: string, { id, managed }: ContainerRecord): PostMortem | undefined {
  const postMortem = readPostMortem(stateRoot, id)
  return postMortem?.finished === managed?.exit?.finished ? postMortem : undefined
}

type Live = Omit<PostMortem, 'finished'>

function liveOf(record: ContainerRecord): Live | undefined {
  const directory = findCgroupDirectory(record)
  if (directory === undefined) return undefined
  const stats: CgroupStats = readCgroupStats(directory)
  return { signal: undefined, oom: oomIn(record, stats), stats, limits: readLimits(directory), kernelLog: [] }
}

/** Since its last start. */
function signalsSentTo(runRoot: string, id: string): SentSignal[] {
  const events = readJournal(runRoot).filter(event => event.id === id)
  const since = events.slice(events.findLastIndex(({ type }) => type === 'start') + 1)
  return since
    .filter(({ type }) => type === 'kill')
    .map(({ time, attributes = {} }) => ({ time, by: undefined, ...attributes, signal: Number(attributes.signal) }))
}

async function lastLines(runRoot: string, id: string): Promise<string[]> {
  const lines: string[] = []
  try {
    for await (const { data } of logBlocks(id, { runRoot, tail: OUTPUT_LINES }))
      lines.push(...parseLogLines(data).map(({ text }) => text.toString('utf8').trimEnd()))
  } catch (error) {
    // It was run in the foreground, or its log is switched off.
    if (!isUtsuwaError(error, 'UNSUPPORTED')) throw error
  }
  return lines.filter(line => line !== '').slice(-OUTPUT_LINES)
}

function whyEnded(facts: DeathFacts, stateRoot: string, record: ContainerRecord, status: Why['status']): Cause {
  const failedRestarts = record.managed?.failedRestarts
  if (failedRestarts !== undefined) return failedRestart(facts.name, status === 'restarting', failedRestarts)
  if (facts.startFailure !== undefined || exitOf(stateRoot, record) !== undefined) return findCause(facts)
  if (record.phase === 'creating')
    return unknown('not-started', `${facts.name} was never there as a whole: whoever made it was killed meanwhile.`, [
      `utsuwa rm ${facts.name}`,
    ])
  const who = record.managed?.detached === undefined ? 'the utsuwa that ran it in the foreground' : 'its monitor'
  return unknown(
    'not-recorded',
    `How ${facts.name} ended nobody has seen: ${who} was killed, or the machine went down, and a container in the foreground ends with whoever runs it.`,
    ['let it outlive its terminal: utsuwa run --detach …'],
  )
}

function whyAlive(facts: DeathFacts, status: ContainerStatus): Cause {
  if (status !== 'created' && status !== 'creating') return whyRunning(facts, status)
  return unknown('not-started', `${facts.name} has not ended: it is ${status}, and nobody has started it.`, [
    `utsuwa start ${facts.name}`,
  ])
}

function unknown(code: CauseCode, summary: string, advice: string[]): Cause {
  return { code, confidence: 'certain', summary, evidence: [], advice }
}

/** How and when, which every answer begins with. */
function ending({ signal, exitCode, startFailure }: DeathFacts, record: ContainerRecord, isOver: boolean): Evidence[] {
  const exit = record.managed?.exit
  if (!isOver || exit === undefined || startFailure !== undefined) return []
  const how = signal === undefined ? `status ${exitCode}` : `${signal}, which a shell shows as ${exitCode}`
  return [{ source: 'kernel', subject: 'end', text: `${how}, at ${exit.finished}${after(record)}` }]
}

function after({ started, managed }: ContainerRecord): string {
  if (started === undefined) return ''
  const seconds = (Date.parse(managed!.exit!.finished) - Date.parse(started)) / 1000
  return seconds < 0 ? '' : `, ${Number(seconds.toPrecision(3))} s after its start`
}
