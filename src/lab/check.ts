/** From what a file says to an experiment: every key known, every value of its kind, errors with the place. */
import { basename, extname, resolve } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import { FieldReader, type Path } from './checked.ts'
import {
  type BuiltInMetric,
  builtInMetrics,
  type Competitor,
  type Experiment,
  type Limits,
  type Metric,
  PARENT,
  type Source,
  type Sweep,
} from './experiment.ts'
import { isCgroupFile, knobText } from './knobs.ts'
import { type Statistic, statistics } from './statistics.ts'

/** Where an experiment comes from. */
export interface Origin {
  /** For messages: a path, or `experiment`. */
  readonly file: string
  /** Paths in it are relative to this directory. */
  readonly directory: string
  readonly text?: string
  /** Line of a key or value, where that is known. */
  lineOf?(path: Path): number | undefined
}

const DEFAULT_INTERVAL_MS = 100
const MAX_RUNS = 10_000
const NAME = /^[a-z][a-z0-9_-]*$/i

const EXPERIMENT_KEYS = [
  'name',
  'description',
  'image',
  'rootfs',
  'command',
  'env',
  'limits',
  'containers',
  'parent',
  'sweep',
  'repeats',
  'duration',
  'interval',
  'metric',
] as const
const CONTAINER_KEYS = ['image', 'rootfs', 'command', 'env', 'limits'] as const

/** @throws UtsuwaError INVALID_ARGUMENT: `read experiment memory.yaml: line 7: sweep.memory.max: …` */
export function checkExperiment(value: unknown, origin: Origin): Experiment {
  const reader = new FieldReader(value, [], (path, reason) => failure(origin, path, reason))
  reader.keys(EXPERIMENT_KEYS)
  const containers = readContainers(reader, origin)
  const parent = reader.optional('parent', each => {
    each.keys(['limits'])
    return { limits: each.optional('limits', readLimits) ?? {} }
  })
  const targets = [...containers.map(({ name }) => name), ...(parent === undefined ? [] : [PARENT])]
  const experiment: Experiment = {
    name: reader.optional('name', each => each.text()) ?? basename(origin.file, extname(origin.file)),
    description: reader.optional('description', each => each.text()) ?? '',
    containers,
    parent,
    sweep: reader.optional('sweep', each => readSweep(each, targets)) ?? [],
    repeats: reader.optional('repeats', each => each.wholeNumber(1)) ?? 1,
    durationMs: reader.optional('duration', each => each.milliseconds()),
    intervalMs: reader.optional('interval', each => each.milliseconds()) ?? DEFAULT_INTERVAL_MS,
    metrics: reader.optional('metric', readMetrics) ?? (['wall', 'exit', 'peak'] as const).map(builtIn),
    text: origin.text,
  }
  refuseTooMany(reader, experiment)
  return experiment
}

function failure({ file, lineOf }: Origin, path: Path, reason: string): UtsuwaError {
  const line = lineOf?.(path)
  const parts = [line === undefined ? undefined : `line ${line}`, path.join('.'), reason]
  return new UtsuwaError('INVALID_ARGUMENT', parts.filter(Boolean).join(': '), { operation: `read experiment ${file}` })
}

function readContainers(reader: FieldReader, { directory }: Origin): Competitor[] {
  const shared = reader.optional('containers', each => each.entries())
  const { source, command, env, limits } = readContainer(reader, directory)
  const complete = (name: string, own: PartialContainer, at: FieldReader): Competitor => {
    const chosen = Object.keys(own.source).length > 0 ? own.source : source
    if (Object.keys(chosen).length === 0) throw at.failure('it needs an image or a rootfs')
    return {
      name,
      source: chosen,
      command: own.command ?? command,
      env: { ...env, ...own.env },
      limits: { ...limits, ...own.limits },
    }
  }
  if (shared === undefined) return [complete('main', { source, command, env, limits }, reader)]
  if (shared.length === 0) throw reader.failure('there is none', 'containers')
  return shared.map(([name, each]) => {
    if (!NAME.test(name) || name === PARENT)
      throw each.failure(`a container is named with letters, digits, - and _, and not ${PARENT}`)
    each.keys(CONTAINER_KEYS)
    return complete(name, readContainer(each, directory), each)
  })
}

type PartialContainer = Omit<Competitor, 'name'>

function readContainer(reader: FieldReader, directory: string): PartialContainer {
  const image = reader.optional('image', each => each.text())
  const rootfs = reader.optional('rootfs', each => resolve(directory, each.text()))
  if (image !== undefined && rootfs !== undefined) throw reader.failure('give an image or a rootfs, not both', 'rootfs')
  const source: Source = { ...(image !== undefined && { image }), ...(rootfs !== undefined && { rootfs }) }
  return {
    source,
    command: reader.optional('command', each => each.command()),
    env: Object.fromEntries(
      reader.optional('env', each => each.entries().map(([name, text]) => [name, text.word()])) ?? [],
    ),
    limits: reader.optional('limits', readLimits) ?? {},
  }
}

function readLimits(reader: FieldReader): Limits {
  return Object.fromEntries(
    reader.entries().map(([file, each]) => {
      requireCgroupFile(file, each)
      return [file, knobOf(file, each)]
    }),
  )
}

function requireCgroupFile(file: string, at: FieldReader): void {
  if (!isCgroupFile(file)) throw at.failure('it is not the name of a file of a cgroup, such as memory.max')
}

function knobOf(file: string, reader: FieldReader): string {
  const word = reader.word()
  try {
    return knobText(file, word)
  } catch (error) {
    throw reader.failure(error instanceof Error ? error.message : String(error))
  }
}

function readSweep(reader: FieldReader, targets: readonly string[]): Sweep[] {
  return reader.entries().flatMap(([key, each]) => {
    if (key.includes('.')) return [readKnob(undefined, key, each)]
    if (!targets.includes(key)) {
      const known = targets.map(target => JSON.stringify(target)).join(', ')
      throw each.failure(`it is neither a file of a cgroup, such as memory.max, nor one of ${known}`)
    }
    return each.entries().map(([file, values]) => readKnob(key, file, values))
  })
}

function readKnob(target: string | undefined, file: string, reader: FieldReader): Sweep {
  requireCgroupFile(file, reader)
  const values = reader.list().map(each => knobOf(file, each))
  if (values.length === 0) throw reader.failure('a sweep needs values: [32M, 64M]')
  if (new Set(values).size < values.length) throw reader.failure('it has a value twice')
  return { target, file, values }
}

function readMetrics(reader: FieldReader): Metric[] {
  const metrics = (reader.isList() ? reader.list() : [reader]).map(readMetric)
  const twice = metrics.find(({ name }, index) => metrics.findIndex(each => each.name === name) < index)
  if (twice !== undefined) throw reader.failure(`it has ${twice.name} twice`)
  return metrics
}

function readMetric(reader: FieldReader): Metric {
  if (!reader.isRecord()) return builtIn(reader.oneOf(Object.keys(builtInMetrics) as BuiltInMetric[]))
  reader.keys(['name', 'pattern', 'statistic', 'unit'])
  const pattern = reader.required('pattern', each => each.pattern())
  return {
    name: reader.required('name', each => each.text()),
    unit: reader.optional('unit', each => each.text()) ?? '',
    measure: {
      kind: 'output',
      pattern,
      statistic: reader.optional('statistic', each => each.oneOf<Statistic>(statistics)) ?? 'last',
    },
  }
}

function builtIn(figure: BuiltInMetric): Metric {
  return { name: figure, unit: builtInMetrics[figure].unit, measure: { kind: 'built-in', figure } }
}

function refuseTooMany(reader: FieldReader, { sweep, repeats }: Experiment): void {
  const runs = sweep.reduce((product, { values }) => product * values.length, repeats)
  if (runs > MAX_RUNS) throw reader.failure(`these are ${runs} runs; ${MAX_RUNS} are the most`, 'sweep')
}
