/** JSON pointers (RFC 6901), which errors use to say where in a document something stands. */

/** The pointer of a member below `parent`; the document itself is the empty string. */
export function childPointer(parent: string, key: string | number): string {
  return `${parent}/${typeof key === 'number' ? key : key.replaceAll('~', '~0').replaceAll('/', '~1')}`
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
