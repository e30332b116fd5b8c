/** The mount options of config.md and mount(8), as the flags of mount_setattr(2) and the options of a file system. */

export const mountAttributes = {
  MOUNT_ATTR_RDONLY: 0x1,
  MOUNT_ATTR_NOSUID: 0x2,
  MOUNT_ATTR_NODEV: 0x4,
  MOUNT_ATTR_NOEXEC: 0x8,
  MOUNT_ATTR_NOATIME: 0x10,
  MOUNT_ATTR_STRICTATIME: 0x20,
  /** The bits that hold the choice between relatime (0), noatime and strictatime. */
  MOUNT_ATTR__ATIME: 0x70,
  MOUNT_ATTR_NODIRATIME: 0x80,
  MOUNT_ATTR_NOSYMFOLLOW: 0x200000,
} as const

export const propagationFlags: Record<string, number> = {
  unbindable: 0x20000,
  private: 0x40000,
  slave: 0x80000,
  shared: 0x100000,
  runbindable: 0x24000,
  rprivate: 0x44000,
  rslave: 0x84000,
  rshared: 0x104000,
}

const {
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_STRICTATIME,
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOSYMFOLLOW,
} = mountAttributes

/** Option → [attributes to set, attributes to clear]. With a leading `r` each applies to the whole tree of a bind. */
const attributeOptions: Record<string, readonly [number, number]> = {
  ro: [MOUNT_ATTR_RDONLY, 0],
  rw: [0, MOUNT_ATTR_RDONLY],
  nosuid: [MOUNT_ATTR_NOSUID, 0],
  suid: [0, MOUNT_ATTR_NOSUID],
  nodev: [MOUNT_ATTR_NODEV, 0],
  dev: [0, MOUNT_ATTR_NODEV],
  noexec: [MOUNT_ATTR_NOEXEC, 0],
  exec: [0, MOUNT_ATTR_NOEXEC],
  noatime: [MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME],
  atime: [0, MOUNT_ATTR__ATIME],
  strictatime: [MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME],
  nostrictatime: [0, MOUNT_ATTR__ATIME],
  relatime: [0, MOUNT_ATTR__ATIME],
  norelatime: [MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME],
  nodiratime: [MOUNT_ATTR_NODIRATIME, 0],
  diratime: [0, MOUNT_ATTR_NODIRATIME],
  nosymfollow: [MOUNT_ATTR_NOSYMFOLLOW, 0],
  symfollow: [0, MOUNT_ATTR_NOSYMFOLLOW],
}

/**
 * Options that say nothing to the kernel. Whether inodes have versions is the file system's own choice: fsconfig(2)
 * takes no word on it.
 */
const ignored = new Set([
  ...['defaults', 'auto', 'noauto', 'user', 'nouser', '_netdev', 'nofail', 'loud', 'silent'],
  ...['iversion', 'noiversion'],
])

export interface MountOptions {
  bind: boolean
  recursiveBind: boolean
  remount: boolean
  copyUp: boolean
  idmap: 'none' | 'top' | 'recursive'
  set: number
  clear: number
  setRecursive: number
  clearRecursive: number
  /** MS_* of mount(2). */
  propagation: number
  /** What is left for the file system: `key` or `key=value`. */
  data: string[]
}

/** Options about how a mount is made. */
const kindOptions: Record<string, Partial<MountOptions>> = {
  bind: { bind: true },
  rbind: { bind: true, recursiveBind: true },
  remount: { remount: true },
  tmpcopyup: { copyUp: true },
  idmap: { idmap: 'top' },
  ridmap: { idmap: 'recursive' },
}

/**
 * What `remount` clears, as mount(2) does: every attribute that the options do not set; of access times and `nodiratime`
 * none, unless the options say something on them.
 */
export function clearedByRemount({ set, clear }: MountOptions): number {
  const times = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME
  const others = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW
  const saysTimes = ((set | clear) & times) !== 0
  return (others & ~set) | (saysTimes ? MOUNT_ATTR__ATIME | (MOUNT_ATTR_NODIRATIME & ~set) : 0)
}

/** What the kernel understands for any file system (vfs_parse_sb_flag), and gets as it is. */
const superblockOptions = ['async', 'dirsync', 'lazytime', 'mand', 'nolazytime', 'nomand', 'sync']

/** Every option that does not depend on the file system, sorted. */
export function mountOptionNames(): string[] {
  const attributes = Object.keys(attributeOptions)
  const recursive = attributes.map(name => `r${name}`)
  const kinds = Object.keys(kindOptions)
  return [
    ...attributes,
    ...recursive,
    ...Object.keys(propagationFlags),
    ...kinds,
    ...superblockOptions,
    ...ignored,
  ].sort()
}

/** config.md, "Linux mount options". A later option wins over an earlier one. */
export function parseMountOptions(options: readonly string[] = []): MountOptions {
  const parsed: MountOptions = {
    bind: false,
    recursiveBind: false,
    remount: false,
    copyUp: false,
    idmap: 'none',
    set: 0,
    clear: 0,
    setRecursive: 0,
    clearRecursive: 0,
    propagation: 0,
    data: [],
  }
  for (const option of options) applyOption(parsed, option)
  return parsed
}

/** An option may be called like what every object inherits: `constructor`. */
function lookUp<T>(table: Readonly<Record<string, T>>, option: string): T | undefined {
  return Object.hasOwn(table, option) ? table[option] : undefined
}

function applyOption(parsed: MountOptions, option: string): void {
  const attributes = lookUp(attributeOptions, option)
  const recursive = option.startsWith('r') ? lookUp(attributeOptions, option.slice(1)) : undefined
  const kind = lookUp(kindOptions, option)
  const propagation = lookUp(propagationFlags, option)
  if (kind !== undefined) Object.assign(parsed, kind)
  else if (propagation !== undefined) parsed.propagation = propagation
  else if (attributes !== undefined) {
    const [set, clear] = attributes
    parsed.set = (parsed.set & ~clear) | set
    parsed.clear = clearAfter(parsed.clear, set, clear)
  } else if (recursive !== undefined) {
    const [set, clear] = recursive
    parsed.setRecursive = (parsed.setRecursive & ~clear) | set
    parsed.clearRecursive = clearAfter(parsed.clearRecursive, set, clear)
  } else if (!ignored.has(option) && option !== '') parsed.data.push(...splitData(option))
}

/** Setting an access time mode clears the whole field (mount_setattr(2)); any other attribute is set or cleared. */
function clearAfter(earlier: number, set: number, clear: number): number {
  return (earlier & ~(set & ~MOUNT_ATTR__ATIME)) | clear
}

/** A single option may hold several, separated by commas as in fstab(5); commas inside quotes belong to the value. */
function splitData(option: string): string[] {
  return option.includes('"') ? [option] : option.split(',').filter(part => part !== '')
}
