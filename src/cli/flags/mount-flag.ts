/** `--mount`, docker's long form of `-v` and `--tmpfs`: `type=volume,source=data,target=/data,readonly`. */
import { resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'
import type { ContainerOptions } from '../../index.ts'

type Mount = NonNullable<ContainerOptions['mounts']>[number]

/** What each key of a type becomes, given its value. */
type Keys = Readonly<Record<string, (value: string) => readonly string[]>>

const flag =
  (...options: readonly string[]) =>
  (value: string): readonly string[] => {
    if (value === 'true' || value === '1' || value === '') return options
    if (value === 'false' || value === '0') return []
    throw new InvalidArgumentError(`It has ${JSON.stringify(value)} where true or false is expected.`)
  }

const readonly = { readonly: flag('ro'), ro: flag('ro') }

const keysOf: Readonly<Record<string, Keys>> = {
  bind: { ...readonly, 'bind-propagation': value => [value], 'bind-nonrecursive': flag('bind'), idmap: flag('idmap') },
  volume: { ...readonly, 'volume-nocopy': flag('nocopy') },
  tmpfs: { ...readonly, 'tmpfs-size': value => [`size=${value}`], 'tmpfs-mode': value => [`mode=${value}`] },
}

/** @throws InvalidArgumentError */
export function parseMount(text: string): Mount {
  const pairs = text.split(',').map((pair): [string, string] => {
    const at = pair.indexOf('=')
    return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]
  })
  const find = (...names: string[]) => pairs.find(([name]) => names.includes(name))?.[1]
  const type = find('type') ?? 'volume'
  const source = find('source', 'src')
  const destination = find('target', 'destination', 'dst')
  const keys = keysOf[type]
  if (keys === undefined)
    throw new InvalidArgumentError(`Its type must be bind, volume or tmpfs, not ${JSON.stringify(type)}.`)
  if (!destination) throw new InvalidArgumentError('It has no target=DIRECTORY.')
  const options = pairs.flatMap(([name, value]) => {
    if (['type', 'source', 'src', 'target', 'destination', 'dst'].includes(name)) return []
    if (!Object.hasOwn(keys, name)) throw new InvalidArgumentError(`A ${type} has no ${JSON.stringify(name)}.`)
    return keys[name]!(value)
  })
  return { destination, type, ...sourceOf(type, source, options) }
}

function sourceOf(type: string, source: string | undefined, options: readonly string[]): Omit<Mount, 'destination'> {
  switch (type) {
    case 'bind': {
      if (!source) throw new InvalidArgumentError('A bind has a source=DIRECTORY.')
      const isRecursive = !options.includes('bind')
      const isPropagated = options.some(option => /^r?(shared|slave|private)$/.test(option))
      const defaults = [...(isRecursive ? ['rbind'] : []), ...(isPropagated ? [] : ['rprivate'])]
      return { source: resolve(source), options: [...defaults, ...options] }
    }
    case 'volume':
      return { ...(source && { source }), options }
    default:
      if (source) throw new InvalidArgumentError('A tmpfs has no source.')
      return { source: 'tmpfs', options: ['nosuid', 'nodev', 'noexec', ...options] }
  }
}
