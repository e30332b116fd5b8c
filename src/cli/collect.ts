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
