/** Who made a cgroup, by the names that container engines and service managers give theirs. */

/** What a cgroup belongs to. */
export interface CgroupMaker {
  readonly engine:
    | 'utsuwa'
    | 'docker'
    | 'podman'
    | 'containerd'
    | 'cri-o'
    | 'lxc'
    | 'nspawn'
    | 'libvirt'
    | 'kubernetes'
    | 'systemd'
  /** Of the container, or the machine; the unit's name for systemd, the pod's uid for a pod itself. */
  readonly id: string
  /** The pod that it is in, where kubelet made the cgroup above. */
  readonly pod?: string
  /** The part of the path that says so. */
  readonly cgroup: string
}

type Pattern = readonly [CgroupMaker['engine'], RegExp]

/** Each name of a path; the first group is the id. */
const names: readonly Pattern[] = [
  ['docker', /^docker-([0-9a-f]{64})\.scope$/],
  ['containerd', /^cri-containerd-([0-9a-f]{64})\.scope$/],
  ['containerd', /^nerdctl-([0-9a-f]{64})\.scope$/],
  ['cri-o', /^crio-(?:conmon-)?([0-9a-f]{64})(?:\.scope)?$/],
  ['podman', /^libpod-(?:conmon-)?([0-9a-f]{64})(?:\.scope)?$/],
  ['lxc', /^lxc\.(?:payload|monitor)\.(.+)$/],
  ['nspawn', /^systemd-nspawn@(.+)\.service$/],
  ['libvirt', /^machine-(?:qemu|lxc)\\x2d\d+\\x2d(.+)\.scope$/],
  ['nspawn', /^machine-(.+)\.scope$/],
]

/** The same with the name above. */
const pairs: readonly Pattern[] = [
  ['utsuwa', /^utsuwa\/([0-9a-f]{64})$/],
  ['docker', /^docker\/([0-9a-f]{64})$/],
  ['docker', /^buildkit\/([0-9a-z]{25})$/],
  ['podman', /^libpod_parent\/libpod-([0-9a-f]{64})$/],
  ['lxc', /^lxc\/([^/]+)$/],
  ['containerd', /^(?:default|k8s\.io|moby)\/([0-9a-f]{64})$/],
  // kubelet with the driver cgroupfs: which runtime it is, the path does not say.
  ['kubernetes', /^pod[0-9a-f-]{36}\/([0-9a-f]{64})$/],
]

const POD = /^(?:kubepods(?:-\w+)*-)?pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})(?:\.slice)?$/
const UNIT = /^.+\.(?:service|scope|slice)$/

/**
 * The innermost container that a cgroup is of, else the innermost unit of systemd.
 * @param path below the mount of cgroup v2, or of a v1 hierarchy
 */
export function findMaker(path: string): CgroupMaker | undefined {
  const parts = path.split('/').filter(Boolean)
  for (const [index, name] of [...parts.entries()].reverse()) {
    const found = match(names, name) ?? match(pairs, `${parts[index - 1]}/${name}`)
    if (found === undefined) continue
    const pod = parts
      .slice(0, index)
      .map(podUid)
      .findLast(uid => uid !== undefined)
    return { ...found, ...(pod === undefined ? {} : { pod }), cgroup: pathOf(parts, index) }
  }
  return podOf(parts) ?? unitOf(parts)
}

function match(patterns: readonly Pattern[], text: string): Pick<CgroupMaker, 'engine' | 'id'> | undefined {
  for (const [engine, pattern] of patterns) {
    const id = pattern.exec(text)?.[1]
    if (id !== undefined) return { engine, id: engine === 'nspawn' ? unescapeUnit(id) : id }
  }
  return undefined
}

function podOf(parts: readonly string[]): CgroupMaker | undefined {
  const index = parts.findLastIndex(name => podUid(name) !== undefined)
  return index < 0 ? undefined : { engine: 'kubernetes', id: podUid(parts[index]!)!, cgroup: pathOf(parts, index) }
}

/** systemd writes a dash in a slice's name as an underscore here. */
function podUid(name: string): string | undefined {
  return POD.exec(name)?.[1]?.replaceAll('_', '-')
}

function unitOf(parts: readonly string[]): CgroupMaker | undefined {
  const index = parts.findLastIndex(name => UNIT.test(name))
  return index < 0 ? undefined : { engine: 'systemd', id: unescapeUnit(parts[index]!), cgroup: pathOf(parts, index) }
}

function pathOf(parts: readonly string[], index: number): string {
  return `/${parts.slice(0, index + 1).join('/')}`
}

/** systemd.unit(5), "String escaping". */
function unescapeUnit(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
}
