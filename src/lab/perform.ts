/** One run of an experiment: its containers side by side, sampled from before their start until after their end. */
import { randomBytes } from 'node:crypto'
import type { CgroupSample } from '../cgroup/stats/sample.ts'
import { sampleCgroup } from '../cgroup/stats/sample-clock.ts'
import type { Container } from '../engine/container/container.ts'
import { create } from '../engine/container/create.ts'
import type { RunResult } from '../engine/container/result.ts'
import type { OomKill } from '../engine/end/outcome.ts'
import { isUtsuwaError } from '../errors.ts'
import type { Roots } from '../runtime/state/roots.ts'
import { type Competitor, type Experiment, PARENT } from './experiment.ts'
import { limitsIn, type PlannedRun } from './grid.ts'
import { type Cut, exitReason, measure } from './measure.ts'
import { makeParent, type ParentCgroup } from './parent.ts'
import type { ContainerResult, KillingLevel, RunRecord } from './results.ts'
import { SeriesBuilder } from './series.ts'

export interface RunContext {
  readonly roots: Roots
  /** Ends what runs; the run is recorded as far as it has come. */
  readonly signal: AbortSignal
  /** @param name of a container, or `PARENT` */
  onSample(name: string, sample: CgroupSample): void
}

/** Bytes of what a container prints that are looked through for figures. */
const MAX_OUTPUT = 8 * 1024 * 1024
/** Bytes of it that are kept with the results. */
const MAX_KEPT_OUTPUT = 64 * 1024

/** A container that does not start is a result, as one that fails is. @throws UtsuwaError without a parent cgroup */
export async function performRun(experiment: Experiment, planned: PlannedRun, context: RunContext): Promise<RunRecord> {
  const builders = new Map<string, SeriesBuilder>()
  const collect = (name: string, sample: CgroupSample): void => {
    const builder = builders.get(name) ?? new SeriesBuilder()
    builders.set(name, builder)
    builder.add(sample)
    context.onSample(name, sample)
  }
  const { ended, started, levelOf } = await withParent(experiment, planned, collect, async parent => {
    const members = await Promise.all(
      experiment.containers.map(competitor =>
        createMember(experiment, planned, competitor, parent, context.roots, collect),
      ),
    )
    const started = new Date()
    const ended = await runTogether(members, experiment.durationMs, context.signal)
    const byParent = (parent?.ownOoms() ?? 0) > 0
    const levelOf = (oom: OomKill | undefined): KillingLevel | undefined =>
      oom && (oom.level === 'container' ? 'container' : byParent ? 'parent' : 'machine')
    return { ended, started, levelOf }
  })
  const startUsec = started.getTime() * 1000
  return {
    index: planned.index,
    repeat: planned.repeat,
    knobs: planned.knobs,
    started: started.toISOString(),
    containers: Object.fromEntries(
      ended.map(({ name, end, cut }) => [
        name,
        end instanceof Error
          ? notStarted(experiment, end, cut)
          : describeEnd(experiment, end, levelOf(end.oom), builders.get(name), cut),
      ]),
    ),
    series: Object.fromEntries([...builders].map(([name, builder]) => [name, builder.build(startUsec)])),
    samples: [...builders.values()].reduce((sum, { count }) => sum + count, 0),
  }
}

/** With a common parent where the experiment has one; it is sampled too. */
async function withParent<T>(
  { parent, intervalMs }: Experiment,
  { knobs }: PlannedRun,
  collect: (name: string, sample: CgroupSample) => void,
  work: (parent: ParentCgroup | undefined) => Promise<T>,
): Promise<T> {
  if (parent === undefined) return work(undefined)
  const name = `lab-${randomBytes(6).toString('hex')}`
  await using cgroup = await makeParent(name, limitsIn(knobs, PARENT, parent.limits))
  const { promise: sampled, resolve: onEnd } = Promise.withResolvers<void>()
  using sampling = sampleCgroup(cgroup.directory, intervalMs, {
    onSample: sample => collect(PARENT, sample),
    onEnd,
  })
  const result = await work(cgroup)
  sampling.end()
  await sampled
  return result
}

interface Member {
  readonly name: string
  /** Or why there is none. */
  readonly box: Container | Error
  /** Resolves when its last sample has been taken. */
  readonly sampled: Promise<void>
}

async function createMember(
  { intervalMs }: Experiment,
  { knobs }: PlannedRun,
  { name, source, command, env, limits }: Competitor,
  parent: ParentCgroup | undefined,
  roots: Roots,
  collect: (name: string, sample: CgroupSample) => void,
): Promise<Member> {
  try {
    const box = await create({
      ...roots,
      ...source,
      ...(command !== undefined && { args: command }),
      env,
      unified: limitsIn(knobs, name, limits),
      ...(parent !== undefined && { cgroupParent: parent.path }),
      stdio: 'capture',
      maxOutput: MAX_OUTPUT,
      removeOnExit: true,
    })
    const samples = box.samples({ intervalMs })
    const sampled = (async () => {
      for await (const sample of samples) collect(name, sample)
    })()
    return { name, box, sampled }
  } catch (error) {
    if (!isUtsuwaError(error)) throw error
    return { name, box: error, sampled: Promise.resolve() }
  }
}

interface MemberEnd {
  readonly name: string
  readonly end: RunResult | Error
  readonly cut: Cut | undefined
}

/** All begin when all are there, and the time of all is up at once: who competes does so from the beginning to the end. */
async function runTogether(
  members: readonly Member[],
  durationMs: number | undefined,
  signal: AbortSignal,
): Promise<MemberEnd[]> {
  let cut: Cut | undefined
  const cutShort = (reason: Cut): void => {
    cut ??= reason
    for (const { box } of members) killIfThere(box)
  }
  const interrupt = (): void => cutShort('interrupted')
  signal.addEventListener('abort', interrupt)
  let timer: NodeJS.Timeout | undefined
  try {
    const failures = await Promise.all(members.map(({ box }) => startMember(box)))
    if (signal.aborted) interrupt()
    if (durationMs !== undefined) timer = setTimeout(() => cutShort('time is up'), durationMs)
    return await Promise.all(
      members.map(async ({ name, box, sampled }, index) => {
        const end = failures[index] ?? (await (box as Container).wait())
        await sampled
        const wasKilled = end instanceof Error || end.signal === 'SIGKILL'
        return { name, end, cut: wasKilled ? cut : undefined }
      }),
    )
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', interrupt)
  }
}

/** Undefined when it runs. */
async function startMember(box: Container | Error): Promise<Error | undefined> {
  if (box instanceof Error) return box
  try {
    await box.start()
    return undefined
  } catch (error) {
    await box.delete()
    if (!isUtsuwaError(error)) throw error
    return error
  }
}

function killIfThere(box: Container | Error): void {
  if (box instanceof Error) return
  try {
    box.kill('SIGKILL')
  } catch (error) {
    if (!isUtsuwaError(error, 'CONTAINER_NOT_RUNNING') && !isUtsuwaError(error, 'CONTAINER_NOT_FOUND')) throw error
  }
}

function describeEnd(
  { metrics }: Experiment,
  result: RunResult,
  level: KillingLevel | undefined,
  builder: SeriesBuilder | undefined,
  cut: Cut | undefined,
): ContainerResult {
  const seconds = result.phases.run / 1e6
  const ended = { result, level, cut, seconds, ends: builder?.ends() }
  return {
    exit: exitReason(ended),
    exitCode: result.exitCode,
    signal: result.signal,
    oom: result.oom && level && { level, kills: result.oom.kills },
    seconds,
    usage: result.usage,
    metrics: Object.fromEntries(metrics.map(metric => [metric.name, measure(metric, ended)])),
    output: `${result.stdout ?? ''}${result.stderr ?? ''}`.slice(-MAX_KEPT_OUTPUT),
  }
}

function notStarted({ metrics }: Experiment, error: Error, cut: Cut | undefined): ContainerResult {
  const exit = cut ?? `not started: ${error.message}`
  const isExit = ({ measure }: Experiment['metrics'][number]): boolean =>
    measure.kind === 'built-in' && measure.figure === 'exit'
  return {
    exit,
    exitCode: undefined,
    signal: undefined,
    oom: undefined,
    seconds: 0,
    usage: undefined,
    metrics: Object.fromEntries(metrics.map(metric => [metric.name, isExit(metric) ? exit : null])),
    output: '',
  }
}
