/**
 * Names in a layer.
 *
 * A name is bytes that need not be UTF-8, so inside this folder it is a *binary string*, one character a byte (latin1):
 * comparable and searchable like any string, and nothing is lost. `displayPath` is for people.
 */
import { UtsuwaError } from '../errors.ts'
import { KERNEL_LIMITS, type LayerLimits, limitExceeded } from './limits.ts'

/** `usr/bin/env` as nearly every archive writes it, with a slash at the end for directories. */
const PLAIN = /^(?:(?!\.{0,2}\/)[^/\0]+\/)*(?!\.{1,2}$)[^/\0]*$/

/**
 * The components of an entry's name joined by single slashes, without leading slash: `/./a//b/` is `a/b`. The root is
 * the empty string.
 *
 * @throws UtsuwaError UNSAFE_LAYER for `..` and NUL, LIMIT_EXCEEDED
 */
export function entryPath(fullName: string, limits: LayerLimits): string {
  // Many archives begin every name so.
  const name = fullName.startsWith('./') ? fullName.slice(2) : fullName
  checkLength(name)
  const path = PLAIN.test(name) ? (name.endsWith('/') ? name.slice(0, -1) : name) : normalize(name)
  checkDepth(path, limits.depth)
  return path
}

/** @throws UtsuwaError LIMIT_EXCEEDED for what is longer than any path of the kernel */
export function checkLength(name: string): void {
  if (name.length > KERNEL_LIMITS.path) throw limitExceeded(`a path of ${name.length} bytes`, KERNEL_LIMITS.path)
}

/** @throws UtsuwaError LIMIT_EXCEEDED for a path, or the target of a link, that takes the kernel too many steps */
export function checkDepth(path: string, limit: number): void {
  let depth = 1
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) depth++
  if (depth > limit) throw limitExceeded(`a path of ${depth} components`, limit)
}

function normalize(name: string): string {
  if (name.includes('\0')) throw unsafe(name, 'its name contains a NUL byte')
  const components = name.split('/').filter(component => component !== '' && component !== '.')
  if (components.includes('..')) throw unsafe(name, 'its name contains ..')
  return components.join('/')
}

export function unsafe(name: string, reason: string): UtsuwaError {
  return new UtsuwaError('UNSAFE_LAYER', reason, { operation: `unpack ${displayPath(name)}`, path: displayPath(name) })
}

export function corrupt(reason: string, name?: string): UtsuwaError {
  const operation = name === undefined ? 'unpack layer' : `unpack ${displayPath(name)}`
  return new UtsuwaError('CORRUPT_LAYER', reason, {
    operation,
    ...(name === undefined ? {} : { path: displayPath(name) }),
  })
}

/** A binary string as text for people; control characters, which could rewrite a terminal, are escaped. */
export function displayPath(name: string): string {
  const text = Buffer.from(name, 'latin1').toString('utf8')
  return /[\p{Cc}\p{Cf}\ufffd]/u.test(text) ? JSON.stringify(text) : text === '' ? '/' : text
}

/** `usr/bin` of `usr/bin/env`, the empty string of `usr`. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
