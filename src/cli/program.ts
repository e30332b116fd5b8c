/** The command line as commander knows it, for whoever parses, completes or describes it. */
import { Command } from 'commander'
import { type CommandModule, commands, groups, internalCommands } from './commands.ts'
import { writeAll } from './print/write.ts'
import { version } from './version.ts'

/** @param words only commands among these get their flags and arguments, which takes loading them */
export async function createProgram(words: readonly string[]): Promise<Command> {
  const program = new Command('utsuwa')
    .description('Containers for Linux: pull OCI images and run processes in namespaces under cgroup v2 limits.')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'show this help')
    .helpCommand('help [COMMAND]', 'show the help of a command')
    .option('--root <DIR>', 'directory of images and snapshots (default: /var/lib/utsuwa)')
    .option('--run-root <DIR>', 'directory of what is known of containers (default: /run/utsuwa)')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: text => writeAll(1, text), outputError: () => undefined })
    .configureHelp({ showGlobalOptions: true })
  for (const [name, { group, summary, load }] of Object.entries(commands)) {
    const command = program.command(name).description(summary).helpOption('--help', 'show this help')
    command.helpGroup(`${groups[group]}:`)
    if (words.includes(name)) define(command, await load())
  }
  for (const [name, load] of Object.entries(internalCommands))
    if (words.includes(name)) (await load()).define(program.command(name, { hidden: true }))
  return program
}

function define(command: Command, module: CommandModule): void {
  module.define(command)
  command.addHelpText('after', `\nExamples:\n${module.examples.map(line => `  $ ${line}\n`).join('')}`.trimEnd())
}
