/** `--label` and `--label-file`, by docker's rules. */
import { readFileSync } from 'node:fs'
import { collectLabel } from './collect.ts'
import { parseEnvFile } from './env-file.ts'

/** What the flags say, files first. @throws UtsuwaError INVALID_ARGUMENT for a file that is wrong */
export function readLabels({
  label = {},
  labelFile = [],
}: {
  readonly label?: Readonly<Record<string, string>>
  readonly labelFile?: readonly string[]
}): Record<string, string> {
  const lines = labelFile.flatMap(path => parseEnvFile(readFileSync(path, 'utf8'), path, 'label'))
  return { ...lines.reduce<Record<string, string>>((labels, line) => collectLabel(line, labels), {}), ...label }
}
