/** `ps --filter`: filters of one kind widen, filters of several kinds narrow; labels are asked for together. */
import { UtsuwaError } from '../../errors.ts'
import type { ContainerSummary } from '../../index.ts'
import { groupFilters } from './filters.ts'
import { referenceTest } from './image-filter.ts'
import { labelTest } from './label-filter.ts'

type Test = (container: ContainerSummary) => boolean

/** Docker's words for states, beside ours. */
const STATES: Readonly<Record<string, string>> = { exited: 'stopped', dead: 'stopped' }

/** `before` and `since` are about another one of `all`. */
const kindsAmong = (all: readonly ContainerSummary[]): Readonly<Record<string, (value: string) => Test>> => ({
  name: value => {
    const matches = pattern(value)
    return ({ name = '' }) => matches.test(name)
  },
  id:
    value =>
    ({ id }) =>
      id.startsWith(value),
  status:
    value =>
    ({ status }) =>
      status === (STATES[value] ?? value),
  exited:
    value =>
    ({ status, exitCode }) =>
      status === 'stopped' && exitCode === Number(value),
  label: value => {
    const test = labelTest(value)
    return ({ labels }) => test(labels)
  },
  ancestor: value => {
    const test = referenceTest(value)
    return ({ image }) => image !== undefined && test({ reference: image })
  },
  before: value => {
    const { created: limit } = find(value, all)
    return ({ created }) => created < limit
  },
  since: value => {
    const { created: limit } = find(value, all)
    return ({ created }) => created > limit
  },
})

/** Whether a filter asks for containers that do not run, so that `--all` goes without saying. */
export function asksForStopped(texts: readonly string[]): boolean {
  return texts.some(text => /^(status|exited)=/.test(text))
}

/** @throws UtsuwaError INVALID_ARGUMENT, CONTAINER_NOT_FOUND */
export function containerFilter(texts: readonly string[], all: readonly ContainerSummary[]): Test {
  const kinds = groupFilters(texts, kindsAmong(all))
  return container =>
    kinds.every(([kind, tests]) =>
      kind === 'label' ? tests.every(({ test }) => test(container)) : tests.some(({ test }) => test(container)),
    )
}

/** A regular expression, as docker has it; what is none is looked for as it stands. */
function pattern(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch {
    return new RegExp(RegExp.escape(text))
  }
}

function find(name: string, all: readonly ContainerSummary[]): ContainerSummary {
  const found = all.find(container => container.name === name || container.id.startsWith(name))
  if (found === undefined || name === '')
    throw new UtsuwaError('CONTAINER_NOT_FOUND', `no container has the name or id ${JSON.stringify(name)}`)
  return found
}
