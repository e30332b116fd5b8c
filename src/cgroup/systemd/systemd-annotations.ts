/**
 * `org.systemd.property.NAME`: annotations that set a property of the container's unit, such as
 *
 *     "org.systemd.property.TimeoutStopUSec": "uint64 30000000"
 *     "org.systemd.property.TimeoutStopSec":  "30"
 *     "org.systemd.property.CollectMode":     "'inactive-or-failed'"
 *     "org.systemd.property.After":           "['network.target', 'x.service']"
 *
 * The value is text in GVariant's format, as far as properties of units need it: booleans, strings, lists of strings,
 * and numbers with the name of their type in front; without one a number has 32 bits. A name that ends in `Sec` takes
 * seconds, and is set as the one in `USec` that D-Bus has. Whether a unit has the property, systemd says.
 */
import { UtsuwaError } from '../../errors.ts'
import { childPointer } from '../../spec/pointer.ts'
import type { SystemdProperty } from './systemd-properties.ts'

const PREFIX = 'org.systemd.property.'

/** What makes the unit the container's: not to be changed. */
const RESERVED = new Set(['PIDs', 'Slice', 'Delegate'])

const NUMBER_TYPES: Readonly<Record<string, string>> = {
  byte: 'y',
  int16: 'n',
  uint16: 'q',
  int32: 'i',
  uint32: 'u',
  int64: 'x',
  uint64: 't',
  double: 'd',
}

const STRING = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/
const STRINGS = new RegExp(`^\\[\\s*(?:(?:${STRING.source})(?:\\s*,\\s*(?:${STRING.source}))*\\s*)?\\]$`)
const NUMBER = /^(?:([a-z]+\d*)\s+)?([+-]?(?:0x[\da-f]+|\d+(?:\.\d+)?))$/i

/** @throws UtsuwaError INVALID_SPEC for a name or value that is none */
export function annotationProperties(annotations: Readonly<Record<string, string>> = {}): SystemdProperty[] {
  return Object.entries(annotations)
    .filter(([key]) => key.startsWith(PREFIX))
    .map(([key, text]) => {
      const name = key.slice(PREFIX.length)
      const invalid = (reason: string): UtsuwaError =>
        new UtsuwaError('INVALID_SPEC', reason, { configPointer: childPointer('/annotations', key) })
      if (!/^[A-Za-z]{3,}$/.test(name)) throw invalid(`${JSON.stringify(name)} is not the name of a unit's property`)
      if (RESERVED.has(name)) throw invalid(`${name} is set by utsuwa`)
      const property = name.endsWith('Sec') && !name.endsWith('USec') ? inMicroseconds(name, text) : parse(name, text)
      return property ?? invalidValue(invalid, text)
    })
}

function invalidValue(invalid: (reason: string) => UtsuwaError, text: string): never {
  throw invalid(`${JSON.stringify(text)} is not a value in GVariant's text format`)
}

/** Undefined when it is no value. */
function parse(name: string, value: string): SystemdProperty | undefined {
  const text = value.trim()
  if (text === 'true' || text === 'false') return { name, type: 'b', value: [text] }
  if (new RegExp(`^(?:${STRING.source})$`).test(text)) return { name, type: 's', value: [unquote(text)] }
  if (STRINGS.test(text)) {
    const strings = Array.from(text.matchAll(new RegExp(STRING, 'g')), ([string]) => unquote(string))
    return { name, type: 'as', value: [String(strings.length), ...strings] }
  }
  const [, typeName, digits] = NUMBER.exec(text) ?? []
  const type = NUMBER_TYPES[typeName ?? (digits?.includes('.') ? 'double' : 'int32')]
  if (digits === undefined || type === undefined || (digits.includes('.') && type !== 'd')) return undefined
  return { name, type, value: [digits] }
}

function inMicroseconds(name: string, text: string): SystemdProperty | undefined {
  const [seconds = ''] = parse(name, text)?.value ?? []
  if (!/^\d+(\.\d+)?$/.test(seconds)) return undefined
  return { name: `${name.slice(0, -3)}USec`, type: 't', value: [String(Math.round(Number(seconds) * 1_000_000))] }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t' }

function unquote(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/gs, (_, character: string) => ESCAPES[character] ?? character)
}
