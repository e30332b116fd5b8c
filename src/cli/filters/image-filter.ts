/** `images --filter`, by docker's rules: filters of one kind widen, filters of several kinds narrow. */
import { UtsuwaError } from '../../errors.ts'
import { type Image, inspectImage, type Roots } from '../../index.ts'
import { labelTest } from './label-filter.ts'

type Test = (image: Image) => boolean

const KINDS = ['before', 'dangling', 'label', 'label!', 'reference', 'since']

/**
 * @param texts `dangling=true`, `label=NAME[=VALUE]`, `label!=…`, `reference=PATTERN`, `before=IMAGE`, `since=IMAGE`
 * @throws UtsuwaError INVALID_ARGUMENT, IMAGE_NOT_FOUND
 */
export async function imageFilter(texts: readonly string[], roots: Pick<Roots, 'root'>): Promise<Test> {
  const parsed = texts.map(parseFilter)
  const kinds = Map.groupBy(parsed, ({ kind }) => kind)
  const tests: Test[] = []
  for (const [kind, filters] of kinds) {
    const alternatives = await Promise.all(filters.map(({ value }) => testOf(kind, value, roots)))
    // Labels are asked for together, as docker has it; any other kind twice means one or the other.
    const all = kind.startsWith('label')
    tests.push(image => (all ? alternatives.every(test => test(image)) : alternatives.some(test => test(image))))
  }
  return image => tests.every(test => test(image))
}

function parseFilter(text: string): { kind: string; value: string } {
  const [, kind = '', value] = /^([a-z]+!?)=(.*)$/s.exec(text) ?? []
  if (value === undefined || !KINDS.includes(kind)) {
    throw new UtsuwaError('INVALID_ARGUMENT', `--filter ${JSON.stringify(text)} is unknown`, {
      hint: `the filters are ${KINDS.map(each => `${each}=…`).join(', ')}`,
    })
  }
  return { kind, value }
}

async function testOf(kind: string, value: string, roots: Pick<Roots, 'root'>): Promise<Test> {
  switch (kind) {
    case 'dangling':
      return danglingTest(value)
    case 'label':
    case 'label!': {
      const test = labelTest(value)
      return ({ config }) => test(config.config?.Labels ?? {}) === (kind === 'label')
    }
    case 'reference':
      return referenceTest(value)
    default:
      return ageTest(kind, value, roots)
  }
}

function danglingTest(value: string): Test {
  const wanted = /^(true|1)$/.test(value)
  if (!wanted && !/^(false|0)$/.test(value))
    throw new UtsuwaError('INVALID_ARGUMENT', `--filter dangling=${value}: true or false is expected`)
  return ({ reference }) => reference.startsWith('@') === wanted
}

/** A shell pattern for the name, with or without registry, `library/` and tag. */
export function referenceTest(pattern: string): (image: Pick<Image, 'reference'>) => boolean {
  const matches = globPattern(pattern)
  return ({ reference }) => {
    const short = reference.replace(/^docker\.io\/(library\/)?/, '')
    const names = [reference, short, reference.replace(/^[^/]+\//, '')]
    return names.some(name => matches.test(name) || matches.test(name.replace(/(@.*|:[^/:]*)$/, '')))
  }
}

/** `*` and `?` stop at slashes, as in a shell. */
function globPattern(pattern: string): RegExp {
  const source = pattern.replaceAll(/[*?]|[^*?]+/g, part =>
    part === '*' ? '[^/]*' : part === '?' ? '[^/]' : RegExp.escape(part),
  )
  return new RegExp(`^${source}$`)
}

/** An image that does not say when it was made counts as older than any. */
async function ageTest(kind: string, name: string, roots: Pick<Roots, 'root'>): Promise<Test> {
  const timeOf = ({ created }: Pick<Image, 'created'>): number => (created === undefined ? 0 : Date.parse(created))
  const limit = timeOf(await inspectImage(name, roots))
  return image => (kind === 'before' ? timeOf(image) < limit : timeOf(image) > limit)
}
