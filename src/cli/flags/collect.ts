/** Values of flags that may be given several times, for commander. */
import { InvalidArgumentError } from 'commander'

export function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value]
}

export function collectPair(text: string, previous: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  if (name === undefined || value === undefined) throw new InvalidArgumentError('It must have the form NAME=VALUE.')
  return { ...previous, [name]: value }
}

/** Docker's labels, where a name alone has an empty value. */
export function collectLabel(text: string, previous: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [name = '', ...value] = text.split('=')
  if (name === '') throw new InvalidArgumentError('It must have the form NAME=VALUE.')
  return { ...previous, [name]: value.join('=') }
}
