/**
 * What could stand where somebody presses Tab. The shells' functions (commands/completion.ts) ask for it by the internal
 * command `__complete`, so that flags and arguments are said once, where commands define them.
 */
import type { Argument, Command, Option } from 'commander'
import type { Roots } from '../../index.ts'
import { printable } from '../print/format.ts'

export interface Candidate {
  readonly word: string
  readonly help: string
}

export interface Completion {
  readonly candidates: readonly Candidate[]
  /** Names of files fit as well. */
  readonly files: boolean
}

const nothing: Completion = { candidates: [], files: false }

/**
 * @param program in which the commands among the words have their flags and arguments
 * @param words behind `utsuwa`, the last being the one that is completed, perhaps empty
 */
export async function complete(program: Command, words: readonly string[], roots: Roots): Promise<Completion> {
  const current = words.at(-1) ?? ''
  const { command, values, pending } = readWords(program, words.slice(0, -1))
  const all = await candidatesFor(command, { current, values, pending, roots })
  return { ...all, candidates: all.candidates.filter(({ word }) => word.startsWith(current)) }
}

interface Place {
  readonly command: Command
  /** Arguments that are there already. */
  readonly values: readonly string[]
  /** The flag whose value comes next. */
  readonly pending: Option | undefined
}

function readWords(program: Command, words: readonly string[]): Place {
  let command = program
  let pending: Option | undefined
  const values: string[] = []
  for (const word of words) {
    if (pending !== undefined) pending = undefined
    else if (word.startsWith('-') && values.length === 0) pending = valuedOption(command, word)
    else {
      const next: Command | undefined = command.commands.find(each => each.name() === word)
      if (next !== undefined && values.length === 0) command = next
      else values.push(word)
    }
  }
  return { command, values, pending }
}

function valuedOption(command: Command, word: string): Option | undefined {
  const found = command.options.find(({ long, short }) => word === long || word === short)
  return found?.required ? found : undefined
}

interface Question extends Omit<Place, 'command'> {
  readonly current: string
  readonly roots: Roots
}

async function candidatesFor(command: Command, { current, values, pending, roots }: Question): Promise<Completion> {
  if (pending !== undefined) return valuesOf(pending, '')
  const [, flag] = /^(--[\w-]+)=/.exec(current) ?? []
  if (flag !== undefined) {
    const option = valuedOption(command, flag)
    return option === undefined ? nothing : valuesOf(option, `${flag}=`)
  }
  if (current.startsWith('-') && values.length === 0) return { candidates: flagsOf(command), files: false }
  if (command.commands.length > 0) return { candidates: subcommandsOf(command), files: false }
  const argument = command.registeredArguments[values.length] ?? command.registeredArguments.at(-1)
  return argument === undefined ? nothing : argumentsFor(command, argument, roots)
}

function valuesOf({ argChoices, description }: Option, prefix: string): Completion {
  if (argChoices === undefined) return { candidates: [], files: true }
  return { candidates: argChoices.map(word => ({ word: prefix + word, help: description })), files: false }
}

function flagsOf(command: Command): Candidate[] {
  const own = command.options.map(({ long, short, description }) => ({ word: long ?? short!, help: description }))
  return [...own, { word: '--help', help: 'show this help' }]
}

function subcommandsOf(command: Command): Candidate[] {
  return command.commands
    .filter(each => each.description() !== '') // those without are for processes
    .map(each => ({ word: each.name(), help: each.description() }))
}

/** By the names that arguments have in the help. */
async function argumentsFor(command: Command, argument: Argument, roots: Roots): Promise<Completion> {
  const name = argument.name().replace(/\.+$/, '')
  if (argument.argChoices !== undefined)
    return { candidates: argument.argChoices.map(word => ({ word, help: '' })), files: false }
  const kinds = sources[`${command.parent?.name()} ${name}`] ?? sources[name]
  if (kinds === undefined) return { candidates: [], files: true }
  const lists = await Promise.all(kinds.map(kind => kind(roots)))
  return { candidates: lists.flat(), files: name === 'SOURCE' || name === 'DESTINATION' }
}

type Source = (roots: Roots) => Promise<Candidate[]>

const containerNames: Source = async roots => {
  const { containers } = await import('../../index.ts')
  return (await containers(roots)).map(({ id, name, image, status }) => ({
    word: name ?? id.slice(0, 12),
    help: printable(`${status}, ${image ?? 'no image'}`),
  }))
}

/** As short as they can be typed. */
const imageNames: Source = async roots => {
  const { images } = await import('../../index.ts')
  return (await images(roots))
    .map(({ reference }) =>
      printable(reference)
        .replace(/^docker\.io\/(library\/)?/, '')
        .replace(/:latest$/, ''),
    )
    .filter(word => !word.startsWith('@'))
    .map(word => ({ word, help: 'image' }))
}

const volumeNames: Source = async roots => {
  const { volumes } = await import('../../index.ts')
  return (await volumes(roots)).map(({ name }) => ({ word: name, help: 'volume' }))
}

const networkNames: Source = async roots => {
  const { networks } = await import('../../index.ts')
  return (await networks(roots)).map(({ name }) => ({ word: name, help: 'network' }))
}

const withColon =
  (source: Source): Source =>
  async roots =>
    (await source(roots)).map(({ word, help }) => ({ word: `${word}:`, help }))

const sources: Readonly<Record<string, readonly Source[]>> = {
  CONTAINER: [containerNames],
  IMAGE: [imageNames],
  NAME: [containerNames, imageNames],
  'network NAME': [networkNames],
  'volume NAME': [volumeNames],
  SOURCE: [withColon(containerNames)],
  DESTINATION: [withColon(containerNames)],
}
