/** Which namespaces a container has for itself, and which it shares: `--pid`, `--ipc`, `--uts`, `--network`, `--cgroupns`. */
import type { LinuxNamespace, LinuxNamespaceType } from '../spec/runtime.ts'
import { invalidOption } from './invalid-option.ts'
import type { ContainerOptions } from './options.ts'

/** Paths of the namespaces of other containers that are joined. */
export type JoinedNamespaces = Readonly<Partial<Record<LinuxNamespaceType, string>>>

/** What an option says of one namespace. */
export type NamespaceMode = 'private' | 'host' | { readonly container: string }

const modes = {
  pid: ['private', 'host'],
  ipc: ['private', 'shareable', 'none', 'host'],
  uts: ['private', 'host'],
  cgroupns: ['private', 'host'],
} as const

/** @throws UtsuwaError INVALID_ARGUMENT */
export function namespaceMode(option: keyof typeof modes, value = 'private'): NamespaceMode {
  const [, container] = /^container:(.+)$/.exec(value) ?? []
  if (container !== undefined && option !== 'cgroupns') return { container }
  if (!(modes[option] as readonly string[]).includes(value)) {
    const others = option === 'cgroupns' ? '' : ', container:NAME'
    throw invalidOption(`--${option}`, `${JSON.stringify(value)} is none of ${modes[option].join(', ')}${others}`)
  }
  return value === 'host' ? 'host' : 'private'
}

/** The containers whose namespaces are joined, by the type of the namespace. */
export function containersToJoin(options: ContainerOptions): Partial<Record<LinuxNamespaceType, string>> {
  const joined = (['pid', 'ipc', 'uts'] as const).flatMap(option => {
    const mode = namespaceMode(option, options[option])
    return typeof mode === 'object' ? [[option, mode.container] as const] : []
  })
  return Object.fromEntries(joined)
}

/** @throws UtsuwaError INVALID_ARGUMENT */
export function chooseNamespaces(options: ContainerOptions, joined: JoinedNamespaces): LinuxNamespace[] {
  const one = (option: 'pid' | 'ipc' | 'uts'): LinuxNamespace[] => {
    const path = joined[option]
    if (path !== undefined) return [{ type: option, path }]
    return namespaceMode(option, options[option]) === 'host' ? [] : [{ type: option }]
  }
  const network: LinuxNamespace = { type: 'network', ...(joined.network !== undefined && { path: joined.network }) }
  return [
    ...(options.userns === 'auto' ? [{ type: 'user' } as const] : []),
    ...one('pid'),
    ...(options.network === 'host' ? [] : [network]),
    ...one('ipc'),
    ...one('uts'),
    { type: 'mount' },
    ...(namespaceMode('cgroupns', options.cgroupns) === 'host' ? [] : [{ type: 'cgroup' } as const]),
  ]
}
