/** Switches with a value, as Go's flags have them and scripts for docker write them: `--rm=true`. */
import type { Command } from 'commander'
import { UtsuwaError } from '../../errors.ts'

const ON = /^(true|1|t)$/i
const OFF = /^(false|0|f)$/i

/**
 * The words with `--rm` for `--rm=true`, and nothing for `--rm=false`. What follows the first argument is left alone: it
 * may be meant for a command in a container.
 *
 * @throws UtsuwaError INVALID_ARGUMENT for another value
 */
export function plainSwitches(program: Command, words: readonly string[]): string[] {
  const plain: string[] = []
  let command = program
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    const [, flag = word, value] = /^(--?[\w-]+)=(.*)$/s.exec(word) ?? []
    const option = command.options.find(({ long, short }) => flag === long || flag === short)
    if (option !== undefined && value !== undefined && option.isBoolean()) {
      if (ON.test(value)) plain.push(flag)
      else if (!OFF.test(value)) throw new UtsuwaError('INVALID_ARGUMENT', `${word}: true or false is expected`)
      continue
    }
    plain.push(word)
    if (option?.required && value === undefined) plain.push(...words.slice(at + 1, ++at + 1))
    if (word.startsWith('-') && word !== '-' && word !== '--') continue
    const next = command.commands.find(each => each.name() === word)
    if (next === undefined) return [...plain, ...words.slice(at + 1)]
    command = next
  }
  return plain
}
