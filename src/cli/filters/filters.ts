/** `--filter KIND=VALUE`. */
import { UtsuwaError } from '../../errors.ts'

export interface Filter<Test> {
  readonly kind: string
  readonly test: Test
}

/**
 * The filters by their kinds, in the order in which those came.
 * @param kinds makes a test of a value
 * @throws UtsuwaError INVALID_ARGUMENT for a kind that there is not; what making a test throws
 */
export function groupFilters<Test>(
  texts: readonly string[],
  kinds: Readonly<Record<string, (value: string) => Test>>,
): [kind: string, filters: Filter<Test>[]][] {
  const filters = texts.map(text => {
    const [, kind = '', value = ''] = /^([a-z]+)=(.*)$/s.exec(text) ?? []
    if (!Object.hasOwn(kinds, kind))
      throw new UtsuwaError('INVALID_ARGUMENT', `--filter ${JSON.stringify(text)} is unknown`, {
        hint: `the filters are ${Object.keys(kinds)
          .map(each => `${each}=…`)
          .join(', ')}`,
      })
    return { kind, test: kinds[kind]!(value) }
  })
  return [...Map.groupBy(filters, ({ kind }) => kind)]
}
