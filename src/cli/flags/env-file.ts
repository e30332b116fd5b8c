/** `--env` and `--env-file`, by docker's rules. */
import { readFileSync } from 'node:fs'
import { UtsuwaError } from '../../errors.ts'

/**
 * Lines `NAME=value` or `NAME`; empty ones and those that start with # are left out. Values are taken as they are:
 * there is no quoting.
 *
 * @throws UtsuwaError INVALID_ARGUMENT with the line
 */
export function parseEnvFile(text: string, path: string, what: 'env' | 'label' = 'env'): string[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const entry = line.trimStart()
    if (entry === '' || entry.startsWith('#')) return []
    if (/^[^=\s]+(=|$)/.test(entry)) return [entry]
    throw new UtsuwaError('INVALID_ARGUMENT', `line ${index + 1} has no name`, {
      operation: `read ${what} file ${path}`,
      path,
    })
  })
}

/**
 * What the flags say, files first.
 * @throws UtsuwaError INVALID_ARGUMENT for a file that is wrong, a system error for one that cannot be read
 */
export function readEnvironment({
  env = [],
  envFile = [],
}: {
  readonly env?: readonly string[]
  readonly envFile?: readonly string[]
}): string[] {
  return [...envFile.flatMap(path => parseEnvFile(readFileSync(path, 'utf8'), path)), ...env]
}
