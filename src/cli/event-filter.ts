/** `events --filter`: filters of one kind widen, filters of several kinds narrow. */
import { UtsuwaError } from '../errors.ts'
import type { JournalEvent } from '../index.ts'
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
  const parsed = texts.map(text => {
    const [, kind = '', value = ''] = /^([a-z]+)=(.*)$/s.exec(text) ?? []
    if (!Object.hasOwn(KINDS, kind))
      throw new UtsuwaError('INVALID_ARGUMENT', `--filter ${JSON.stringify(text)} is unknown`, {
        hint: `the filters are ${Object.keys(KINDS)
          .map(each => `${each}=…`)
          .join(', ')}`,
      })
    return { kind, test: KINDS[kind]!(value) }
  })
  const tests = [...Map.groupBy(parsed, ({ kind }) => kind).values()]
  return event => tests.every(alternatives => alternatives.some(({ test }) => test(event)))
}
