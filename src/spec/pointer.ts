/** JSON pointers (RFC 6901), which errors use to say where in a document something stands. */

/**
 * The pointer of a member below `parent`; the document itself is the empty string.
 *
 * Control characters are escaped as in a JSON string (RFC 6901 §5): pointers are printed, and a key can come from an
 * image whose author would like to write to the terminal.
 */
export function childPointer(parent: string, key: string | number): string {
  if (typeof key === 'number' || !NEEDS_ESCAPE.test(key)) return `${parent}/${key}`
  const escaped = key.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll(CONTROL_CHARACTERS, unicodeEscape)
  return `${parent}/${escaped}`
}

const NEEDS_ESCAPE = /[~/\p{Cc}]/u
const CONTROL_CHARACTERS = /\p{Cc}/gu

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** How a person names what a pointer leads to: `args`, `mounts[3]`; `document` for the whole. */
export function pointerName(pointer: string): string {
  const segments = pointer.split('/').slice(1).map(unescapeSegment)
  const last = segments.pop()
  if (last === undefined) return 'document'
  const parent = segments.at(-1)
  return parent !== undefined && /^\d+$/.test(last) ? `${parent}[${last}]` : last
}

function unescapeSegment(segment: string): string {
  return segment.replaceAll('~1', '/').replaceAll('~0', '~')
}
