/**
 * The man pages of `utsuwa`, from its help: `make man` writes them, and a test compares.
 *
 * utsuwa(1) is written by hand but for its list of commands; there is a page for each group of commands,
 * `utsuwa-GROUP(1)`, which has nothing that the help does not say.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Argument, Command, Option } from 'commander'
import { commands, groups } from '../src/cli/commands.ts'
import { createProgram } from '../src/cli/program.ts'

const directory = join(import.meta.dirname, '../docs/man')

const quote = (text: string): string => text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll("'", '\\(aq')
/** A line that begins with a dot is an instruction to troff. */
const line = (text: string): string => quote(text).replace(/^(?=\.)/, '\\&')

/** Every page by its file name. */
export async function manPages(): Promise<Map<string, string>> {
  const program = await createProgram(Object.keys(commands))
  const names = Object.keys(groups) as (keyof typeof groups)[]
  const pages = names.map(group => [`utsuwa-${group}.1`, groupPage(program, group)] as const)
  return new Map([['utsuwa.1', overview(program)], ...pages])
}

function overview(program: Command): string {
  const page = readFileSync(join(directory, 'utsuwa.1'), 'utf8')
  const [before = '', rest = ''] = page.split(/^(?=\.SH GLOBAL FLAGS)/m)
  const [, after = ''] = rest.split(/^(?=\.SH EXIT STATUS)/m)
  const flags = program.options.map(formatOption).join('')
  const help = '.TP\n\\fB\\-\\-help\\fR\nshow this help; also of a command\n'
  const lists = (Object.keys(groups) as (keyof typeof groups)[]).map(group => {
    const rows = membersOf(group).map(name => `${line(name)}\t${quote(commands[name]!.summary)}\n`)
    return `.SS ${quote(groups[group])}\n.BR utsuwa\\-${group} (1)\n.PP\n.TS\nlB l.\n${rows.join('')}.TE\n`
  })
  return `${before}.SH GLOBAL FLAGS\n${flags}${help}.SH COMMANDS\n${lists.join('')}${after}`
}

function membersOf(group: string): string[] {
  return Object.keys(commands).filter(name => commands[name]!.group === group)
}

function groupPage(program: Command, group: keyof typeof groups): string {
  const members = program.commands.filter(command => commands[command.name()]?.group === group)
  const names = members.map(command => command.name()).join(', ')
  return [
    `.TH UTSUWA\\-${group.toUpperCase()} 1 "" "utsuwa"\n`,
    `.SH NAME\nutsuwa\\-${group} \\- ${quote(groups[group])}: ${quote(names)}\n`,
    `.SH SYNOPSIS\n.B utsuwa\n.RI [ "global flags" ] " COMMAND " [ flags ] " " [ arguments ]\n`,
    `.SH DESCRIPTION\nGlobal flags, files, environment and exit status are in\n.BR utsuwa (1).\n.SH COMMANDS\n`,
    ...members.flatMap(command => section(command, `utsuwa ${command.name()}`)),
    `.SH SEE ALSO\n.BR utsuwa (1)\n`,
  ].join('')
}

function section(command: Command, name: string): string[] {
  const flags = command.options.length > 0 ? ['[flags]'] : []
  const words = [...flags, ...command.registeredArguments.map(formatArgument)].join(' ')
  const synopsis = command.commands.length > 0 ? `${quote(name)}\n.I COMMAND` : `${quote(name)}\n${quote(words)}`
  return [
    `.SS ${quote(name)}\n${line(command.description())}\n.PP\n.B ${synopsis}\n`,
    ...command.options.map(formatOption),
    ...examples(name),
    ...command.commands.flatMap(each => section(each, `${name} ${each.name()}`)),
  ]
}

const exampleLines = new Map<string, readonly string[]>()
for (const [name, { load }] of Object.entries(commands)) exampleLines.set(`utsuwa ${name}`, (await load()).examples)

function examples(name: string): string[] {
  const lines = exampleLines.get(name) ?? []
  return lines.length === 0 ? [] : [`.PP\n.nf\n${lines.map(text => `    ${quote(text)}\n`).join('')}.fi\n`]
}

function formatArgument(argument: Argument): string {
  const name = `${argument.name().replace(/\.\.\.$/, '')}${argument.variadic ? '...' : ''}`
  return argument.required ? name : `[${name}]`
}

function formatOption({ flags, description }: Option): string {
  const parts = flags.split(', ').map(part => {
    const [, flag = part, value] = /^(\S+) (.*)$/.exec(part) ?? []
    return value === undefined ? `\\fB${quote(flag)}\\fR` : `\\fB${quote(flag)}\\fR \\fI${quote(value)}\\fR`
  })
  return `.TP\n${parts.join(', ')}\n${line(description)}\n`
}

if (import.meta.main) for (const [file, text] of await manPages()) writeFileSync(join(directory, file), text)
