import type { Command } from 'commander'
import { type SpawnOptions, spawn, spawnDetached, UtsuwaError } from '../../index.ts'
import { collect } from '../flags/collect.ts'
import { readEnvironment } from '../flags/env-file.ts'
import { rootsOf } from '../flags/roots.ts'
import { forwardSignals } from '../terminal/signals.ts'
import { openConsole } from '../terminal/terminal.ts'

interface ExecFlags {
  readonly detach?: boolean
  readonly env?: string[]
  readonly envFile?: string[]
  readonly interactive?: boolean
  readonly privileged?: boolean
  readonly tty?: boolean
  readonly user?: string
  readonly workdir?: string
}

export const examples = [
  'utsuwa exec -it web sh',
  'utsuwa exec -u postgres -w /tmp db psql -c "select 1"',
  'utsuwa exec -d web nginx -s reload',
]

export function define(command: Command): void {
  command
    .argument('<CONTAINER>', 'name, id or its beginning')
    .argument('<COMMAND...>', 'command and arguments')
    .passThroughOptions()
    .option('-d, --detach', 'return when it runs; its output goes nowhere')
    .option('-i, --interactive', 'pass on standard input')
    .option('-t, --tty', 'give it a terminal')
    .option('-e, --env <NAME=VALUE>', 'environment variable; NAME alone takes the value from here', collect)
    .option('--env-file <FILE>', 'environment variables, one a line', collect)
    .option('-u, --user <USER>', 'name or uid, and :group or :gid')
    .option('-w, --workdir <DIR>', 'working directory in the container')
    .option('--privileged', 'all capabilities')
    .action(async (name: string, args: string[], flags: ExecFlags) => {
      checkFlags(flags)
      const options = { ...rootsOf(command), ...processOptions(flags) }
      if (flags.detach) await spawnDetached(name, args, options)
      else process.exitCode = await runInForeground(name, args, flags, options)
    })
}

function checkFlags({ detach, interactive, tty }: ExecFlags): void {
  if (detach && tty)
    throw new UtsuwaError('UNSUPPORTED', '-d -t: nobody would hold its terminal', { hint: 'leave out -t' })
  if (detach && interactive)
    throw new UtsuwaError('INVALID_ARGUMENT', '-d -i: nobody would write to it', { hint: 'leave out -i' })
  if (interactive && tty && !process.stdin.isTTY)
    throw new UtsuwaError('INVALID_ARGUMENT', '-i -t: standard input is no terminal', { hint: 'leave out -t' })
}

function processOptions(flags: ExecFlags): SpawnOptions {
  const { privileged = false, user, workdir } = flags
  const env = readEnvironment(flags)
  return {
    privileged,
    ...(env.length === 0 ? {} : { env }),
    ...(user === undefined ? {} : { user }),
    ...(workdir === undefined ? {} : { cwd: workdir }),
  }
}

async function runInForeground(
  name: string,
  args: readonly string[],
  { interactive = false, tty = false }: ExecFlags,
  options: SpawnOptions,
): Promise<number> {
  using console = tty ? openConsole({ input: interactive }) : undefined
  const running = await spawn(name, args, {
    ...options,
    stdio: [interactive ? 'inherit' : 'ignore', 'inherit', 'inherit'],
    ...(console === undefined ? {} : { terminal: true, consoleSocketFd: console.socketFd }),
  })
  await console?.attach()
  using _signals = forwardSignals(signal => running.kill(signal))
  const { exitCode } = await running.wait()
  await console?.drained()
  return exitCode
}
