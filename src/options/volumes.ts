/** `-v`, and the volumes that an image asks for: bind mounts of the host's directories, and volumes with or without a name. */
import { posix, resolve } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import type { Mount } from '../spec/runtime.ts'
import { invalidOption } from './invalid-option.ts'
import type { ImageRunConfig } from './options.ts'

/**
 * Type of a mount whose source is the name of a volume, or absent for a new one without a name. Where the volume lies is
 * known later; a runtime spec has a bind mount in its place.
 */
export const VOLUME = 'volume'

/** Option of a volume: what the image has at its place is not copied into it. */
const NO_COPY = 'nocopy'

const PROPAGATION = new Set(['shared', 'slave', 'private', 'rshared', 'rslave', 'rprivate'])

/** Flags that users may want for a mount beside access and propagation. */
const FLAGS = new Set(['nosuid', 'suid', 'nodev', 'dev', 'noexec', 'exec', 'idmap'])

/** An image can make us do this much: each costs a directory and a mount. */
const IMAGE_VOLUMES_MAX = 256

/** `container`, `name:container[:options]` or `host:container[:options]`; a host path begins with `/`, `./` or `../`. */
export function parseVolume(text: string): Mount {
  const parts = text.split(':')
  if (parts.length === 1) return volume(undefined, containerPath(text, '--volume'), [])
  const [source, destination, given = '', ...rest] = parts
  if (!source || !destination || rest.length > 0)
    throw invalidOption(
      '--volume',
      `${JSON.stringify(text)} is not [host-directory-or-name:]container-directory[:options]`,
    )
  const words = given.split(',').filter(Boolean)
  const path = containerPath(destination, '--volume')
  if (/^(\/|\.\.?(\/|$))/.test(source)) return bind(resolve(source), path, words)
  checkVolumeName(source, '--volume')
  return volume(source, path, words)
}

/** @throws UtsuwaError INVALID_ARGUMENT that names the option */
export function checkVolumeName(name: string, option: string): void {
  if (/^[a-zA-Z0-9][\w.-]{0,254}$/.test(name)) return
  throw invalidOption(
    option,
    `${JSON.stringify(name)} is no name of a volume`,
    name.includes('/')
      ? `for a directory of the host write "$PWD/${name}"`
      : 'a name starts with a letter or digit and goes on with letters, digits, _ . or -',
  )
}

function bind(source: string, destination: string, words: readonly string[]): Mount {
  const access = accessOf(words)
  const unknown = words.find(word => !isAccess(word) && !['rbind', 'bind'].includes(word) && !isFlag(word))
  if (unknown !== undefined) throw invalidOption('--volume', `unknown option ${JSON.stringify(unknown)}`)
  const propagation = words.filter(word => PROPAGATION.has(word))
  return {
    destination,
    type: 'bind',
    source,
    options: [
      words.includes('bind') ? 'bind' : 'rbind',
      ...(propagation.length > 0 ? propagation : ['rprivate']),
      access,
      ...words.filter(word => FLAGS.has(word)),
    ],
  }
}

function volume(name: string | undefined, destination: string, words: readonly string[]): Mount {
  const unknown = words.find(word => !isAccess(word) && word !== NO_COPY && !isFlag(word))
  if (unknown !== undefined) throw invalidOption('--volume', `unknown option ${JSON.stringify(unknown)}`)
  return {
    destination,
    type: VOLUME,
    ...(name !== undefined && { source: name }),
    options: [accessOf(words), ...words.filter(word => word === NO_COPY || isFlag(word))],
  }
}

function accessOf(words: readonly string[]): 'ro' | 'rw' {
  if (!words.includes('ro')) return 'rw'
  if (words.includes('rw')) throw invalidOption('--volume', 'ro and rw exclude each other')
  return 'ro'
}

/** z and Z ask for SELinux labels, which a host without SELinux need not set; docker ignores them there, too. */
const isAccess = (word: string): boolean => ['ro', 'rw', 'z', 'Z'].includes(word)
const isFlag = (word: string): boolean => PROPAGATION.has(word) || FLAGS.has(word)

/** Whether a new volume gets a copy of what the image has at its place. */
export function copiesImage({ options = [] }: Mount): boolean {
  return !options.includes(NO_COPY)
}

/**
 * What a runtime spec has for a volume that lies at a host path.
 * @param idMapped its files keep the ids that containers see, whatever they are on the host
 */
export function bindVolume({ destination, options = [] }: Mount, source: string, idMapped = false): Mount {
  const propagation = options.some(word => PROPAGATION.has(word)) ? [] : ['rprivate']
  return {
    destination,
    type: 'bind',
    source,
    options: ['rbind', ...propagation, ...options.filter(word => word !== NO_COPY), ...(idMapped ? ['idmap'] : [])],
  }
}

/**
 * The volumes that an image asks for, one at each path. They lie inside the root whatever the path: `/../../etc` is the
 * container's `/etc` (CVE-2022-23648 of containerd).
 */
export function imageVolumes({ Volumes = {} }: ImageRunConfig): Mount[] {
  const paths = new Set(Object.keys(Volumes).map(path => containerPath(`/${path}`, 'volume of the image')))
  if (paths.size > IMAGE_VOLUMES_MAX)
    throw new UtsuwaError('LIMIT_EXCEEDED', `the image has ${paths.size} volumes; ${IMAGE_VOLUMES_MAX} are allowed`)
  return [...paths].map(path => volume(undefined, path, []))
}

/** Normalized: no `..` in it, and no slash at its end. */
export function containerPath(path: string, option: string): string {
  if (!path.startsWith('/') || path.includes('\0'))
    throw invalidOption(option, `${JSON.stringify(path)} is not an absolute path`)
  const normalized = posix.normalize(path).replace(/(?<=.)\/$/, '')
  if (normalized === '/') throw invalidOption(option, 'cannot replace the root of the container')
  return normalized
}
