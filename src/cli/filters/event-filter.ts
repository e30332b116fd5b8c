/** `events --filter`: filters of one kind widen, filters of several kinds narrow. */
import type { JournalEvent } from '../../index.ts'
import { groupFilters } from './filters.ts'
import { labelTest } from './label-filter.ts'

type Test = (event: JournalEvent) => boolean

const KINDS: Readonly<Record<string, (value: string) => Test>> = {
  event:
    value =>
    ({ type }) =>
      type === value,
  container:
    value =>
    ({ id, name }) =>
      name === value || id.startsWith(value),
  image:
    value =>
    ({ image }) =>
      image !== undefined && (image === value || image.split(/[:@]/)[0] === value),
  label: value => {
    const test = labelTest(value)
    return ({ labels = {} }) => test(labels)
  },
  type: value => () => value === 'container',
}

/** @throws UtsuwaError INVALID_ARGUMENT */
export function eventFilter(texts: readonly string[]): Test {
  const kinds = groupFilters(texts, KINDS)
  return event => kinds.every(([, alternatives]) => alternatives.some(({ test }) => test(event)))
}
