/** `utsuwa`: pull images and run containers, with the verbs and flags of docker and podman. */
import { Command, CommanderError } from 'commander'
import { reportError } from './report.ts'
import { version } from './version.ts'
import { writeAll } from './write.ts'

interface CommandModule {
  /** Gives a command its arguments, flags and action. */
  define(command: Command): void
}

interface Entry {
  readonly summary: string
  load(): Promise<CommandModule>
}

/** A command's module is loaded only when its name is among the words: start time is part of every command. */
const entries: Readonly<Record<string, Entry>> = {
  pull: { summary: 'fetch an image from a registry', load: () => import('./commands/pull.ts') },
  push: { summary: 'send an image to a registry', load: () => import('./commands/push.ts') },
  login: { summary: 'keep credentials for a registry', load: () => import('./commands/login.ts') },
  logout: { summary: 'forget the credentials for a registry', load: () => import('./commands/logout.ts') },
  images: { summary: 'list the images of the store', load: () => import('./commands/images.ts') },
  rmi: { summary: 'remove images', load: () => import('./commands/rmi.ts') },
  tag: { summary: 'give an image another name', load: () => import('./commands/tag.ts') },
  save: { summary: 'write images to an archive', load: () => import('./commands/save.ts') },
  load: { summary: 'read images from an archive or a directory', load: () => import('./commands/load.ts') },
  import: { summary: 'make an image of a root file system', load: () => import('./commands/import.ts') },
  history: { summary: 'show the steps that made an image', load: () => import('./commands/history.ts') },
  prune: { summary: 'remove images and data that nothing uses', load: () => import('./commands/prune.ts') },
  run: { summary: 'run a command in a new container', load: () => import('./commands/run.ts') },
  ps: { summary: 'list containers', load: () => import('./commands/ps.ts') },
  rm: { summary: 'remove containers', load: () => import('./commands/rm.ts') },
  export: { summary: 'write the file system of a container to an archive', load: () => import('./commands/export.ts') },
  inspect: { summary: 'print all that is known of containers and images', load: () => import('./commands/inspect.ts') },
  plan: { summary: 'print the kernel operations of a container', load: () => import('./commands/plan.ts') },
  doctor: { summary: 'check what this machine has and what is missing', load: () => import('./commands/doctor.ts') },
}

async function createProgram(words: readonly string[]): Promise<Command> {
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
  for (const [name, { summary, load }] of Object.entries(entries)) {
    const command = program.command(name).description(summary).helpOption('--help', 'show this help')
    if (words.includes(name)) (await load()).define(command)
  }
  return program
}

async function main(words: readonly string[]): Promise<void> {
  try {
    const program = await createProgram(words)
    if (words.length === 0) writeAll(1, program.helpInformation())
    else await program.parseAsync([...words], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return
    process.exitCode = reportError(error)
  }
}

await main(process.argv.slice(2))
