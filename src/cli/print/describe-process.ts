/** `explain` for people, in at most 100 columns. */
import type { ProcessExplanation } from '../../index.ts'
import { formatBinarySize, printable, truncate } from './format.ts'
import { hang, type TextScreen } from './text-screen.ts'

type Level = ProcessExplanation['cgroup']['levels'][number]
type Namespace = ProcessExplanation['namespaces'][number]
type Resource = keyof Level['bounds']

const MARK = '◀'
const FIRST_PIDS = 4
const MAX_NAME = 26

export function describeProcess(answer: ProcessExplanation, screen: TextScreen): string {
  const { dim, width } = screen
  const sections: readonly (readonly [string, readonly string[]])[] = [
    ['NAMESPACES', namespaceLines(answer, screen)],
    ['CGROUP', cgroupLines(answer.cgroup, screen)],
    ['PRIVILEGES', privilegeLines(answer.privileges, width)],
  ]
  const lines = [...heading(answer, screen), ...sections.flatMap(([title, body]) => ['', dim(title), ...body])]
  return lines.map(line => `${line}\n`).join('')
}

function heading({ pid, command, maker, container, ancestors }: ProcessExplanation, screen: TextScreen): string[] {
  const { width, bold, dim } = screen
  const chain = ancestors.map(each => `${each.command.split(' ', 1)[0]!.split('/').at(-1)} (${each.pid})`).join(' ← ')
  return [
    bold(truncate(printable(`process ${pid}: ${command}`), width)),
    ...hang(dim('made by  '), printable(describeMaker(maker, container)), width + dim('').length),
    ...(chain === '' ? [] : hang(dim('parents  '), printable(chain), width + dim('').length)),
  ]
}

const engines: Readonly<Record<string, string>> = {
  'cri-o': 'CRI-O',
  kubernetes: 'Kubernetes',
  nspawn: 'systemd-nspawn',
  lxc: 'LXC',
}

function describeMaker(maker: ProcessExplanation['maker'], container: ProcessExplanation['container']): string {
  if (maker === undefined) return 'nobody that leaves a trace: no container engine and no unit of systemd'
  const { engine, id, pod, evidence } = maker
  const name = engines[engine] ?? engine
  const what =
    engine === 'systemd'
      ? `systemd: unit ${id}`
      : `${name}${id === undefined ? '' : `, ${engine === 'kubernetes' && pod === undefined ? 'pod' : 'container'} ${shorten(id)}`}`
  const alias = container?.name === undefined ? '' : ` (${container.name})`
  const where = pod === undefined ? '' : `, pod ${pod}`
  const how = evidence.map(text => text.replace(/[0-9a-f]{64}/g, shorten)).join('; ')
  return `${what}${alias}${where}; seen by: ${how}`
}

function shorten(id: string): string {
  return /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : id
}

function namespaceLines({ namespaces, pid }: ProcessExplanation, { width, dim }: TextScreen): string[] {
  if (namespaces.length === 0) return ["  not to be seen: it is another user's process; run it with sudo"]
  const user = namespaces.find(({ type }) => type === 'user')
  const rows = namespaces.map(({ type, inode, isHost, isOwn, owner, processes }) => {
    const others = processes.filter(each => each !== pid)
    const first = others.slice(0, FIRST_PIDS).join(' ')
    const rest = others.length > FIRST_PIDS ? ' …' : ''
    return [
      type,
      String(inode),
      `${isHost ? "the host's" : 'its own'}${isOwn && !isHost ? ' and ours' : ''}`,
      ownerOf(owner, user, type),
      others.length === 0 ? 'alone' : `with ${others.length}: ${first}${rest}`,
    ]
  })
  return table(['type', 'inode', 'whose', 'owner', 'who else'], rows, width, dim)
}

function ownerOf(owner: number | undefined, user: Namespace | undefined, type: Namespace['type']): string {
  if (owner === undefined) return '-'
  if (type === 'user' || owner !== user?.inode) return `user ${owner}`
  return user.isHost ? "the host's user" : 'its user'
}

function cgroupLines(cgroup: ProcessExplanation['cgroup'], screen: TextScreen): string[] {
  const { width, dim } = screen
  const { path, levels, unseenControllers, v1 } = cgroup
  const unseen =
    unseenControllers.length === 0
      ? []
      : hang(
          '  not seen: ',
          `${unseenControllers.join(', ')}: cgroup v1 hierarchies have them on this machine${describeV1(v1)}`,
          width,
        )
  if (path === undefined) return ['  none in the v2 hierarchy', ...unseen]
  const shown = columns.filter(({ resource }) => levels.some(({ bounds }) => isShown(resource, bounds[resource])))
  const rows = levels.map((level, index) => [
    nameOf(level.path, index),
    ...shown.map(({ resource, format }) => cell(cgroup, level, resource, format)),
  ])
  return [
    ...hang('  ', path, width),
    ...(shown.length === 0 ? [] : ['', ...table(['level', ...shown.map(({ title }) => title)], rows, width, dim)]),
    '',
    ...hang('  ', bindingText(cgroup), width),
    ...settingLines(levels, width),
    ...unseen,
  ]
}

function describeV1(v1: Readonly<Record<string, string>>): string {
  const places = Object.entries(v1).filter(([, path]) => path !== '/')
  return places.length === 0 ? '' : ` (it is in ${places.map(([name, path]) => `${name}:${path}`).join(', ')})`
}

interface Column {
  readonly resource: Resource
  readonly title: string
  format(value: number): string
}

const plain = (value: number): string => String(Number(value.toPrecision(3)))
const size = (value: number): string => formatBinarySize(value).replace(' bytes', ' B')

const columns: readonly Column[] = [
  { resource: 'memory', title: 'memory of max', format: size },
  { resource: 'memoryHigh', title: 'high', format: size },
  { resource: 'swap', title: 'swap of max', format: size },
  { resource: 'cpu', title: 'cpus', format: plain },
  { resource: 'pids', title: 'processes of max', format: plain },
]

/** Memory and processes always; the others where somebody has set them. */
function isShown(resource: Resource, use: Level['bounds'][Resource]): boolean {
  if (use === undefined) return false
  return resource === 'memory' || resource === 'pids' || resource === 'cpu' || use.limit !== Number.POSITIVE_INFINITY
}

function cell(
  { bindings }: ProcessExplanation['cgroup'],
  { path, bounds }: Level,
  resource: Resource,
  format: (value: number) => string,
): string {
  const use = bounds[resource]
  if (use === undefined) return ''
  const limit = use.limit === Number.POSITIVE_INFINITY ? 'no limit' : format(use.limit)
  const used = use.used === undefined || resource === 'memoryHigh' ? '' : `${format(use.used)} / `
  const binds = bindings.some(each => each.resource === resource && each.path === path)
  return `${used}${limit}${binds ? ` ${MARK}` : ''}`
}

function nameOf(path: string, index: number): string {
  const name = path === '/' ? '/' : path.slice(path.lastIndexOf('/') + 1)
  return `${' '.repeat(index)}${truncate(shorten(printable(name)), MAX_NAME)}`
}

const words: Readonly<Record<Resource, string>> = {
  memory: 'memory',
  memoryHigh: 'memory, before it is slowed down',
  swap: 'swap',
  cpu: 'CPU time',
  pids: 'processes',
}

function bindingText({ bindings, levels }: ProcessExplanation['cgroup']): string {
  if (bindings.length === 0) return 'No level limits it.'
  const of = ({ resource, limit }: (typeof bindings)[number]): string => {
    const { format } = columns.find(column => column.resource === resource)!
    return `${words[resource]} ${format(limit)}${resource === 'cpu' ? ' CPUs' : ''}`
  }
  const own = levels.at(-1)?.path
  const parts = bindings.map(binding => {
    const where = binding.path === own ? 'its own limit' : `the limit of ${binding.path}, which it shares`
    const { tightest } = binding
    const { format } = columns.find(column => column.resource === binding.resource)!
    const closer =
      tightest === undefined || tightest.path === binding.path
        ? ''
        : `; but less is left in ${tightest.path}: ${format(Math.max(0, tightest.left))}`
    return `${of(binding)} (${where}${closer})`
  })
  return `${MARK} binds: ${parts.join('; ')}.`
}

function settingLines(levels: readonly Level[], width: number): string[] {
  return levels.flatMap(({ path, settings, throttledPeriods = 0 }) => {
    const texts = Object.entries(settings).map(([file, value]) => `${file} ${value}`)
    const all = throttledPeriods > 0 ? [...texts, `held back by cpu.max in ${throttledPeriods} periods`] : texts
    return all.length === 0 ? [] : hang('  ', `${path.replace(/[0-9a-f]{64}/g, shorten)}: ${all.join(', ')}`, width)
  })
}

function privilegeLines(privileges: ProcessExplanation['privileges'], width: number): string[] {
  const { uid, gid, capabilities, hasAllCapabilities, seccomp, noNewPrivileges, uidMap, gidMap } = privileges
  const list = hasAllCapabilities ? 'all' : capabilities.map(name => name.replace('CAP_', '').toLowerCase()).join(' ')
  const isWhole = uidMap.length === 1 && /^0 0 4294967295$/.test(uidMap[0]!)
  const map = isWhole
    ? "the host's ids"
    : `uids ${uidMap.join(', ')}; gids ${gidMap.join(', ')} (inside outside length)`
  return [
    ...hang('  user          ', `${uid}:${gid} on this machine; ${map}`, width),
    ...hang('  capabilities  ', list || 'none', width),
    ...hang('  seccomp       ', `${seccomp}; no_new_privs ${noNewPrivileges ? 'on' : 'off'}`, width),
  ]
}

/** Columns that are as wide as what is in them, indented by two. */
function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
  dim: TextScreen['dim'],
): string[] {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map(cells => cells[column]!.length)))
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((text, column) => text.padEnd(widths[column]!)).join('  ')}`.trimEnd().slice(0, width)
  return [dim(line(header)), ...rows.map(line)]
}
