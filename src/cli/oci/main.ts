/**
 * `utsuwa-oci`: the runtime that engines call, with runc's command line, texts and exit codes.
 *
 * An engine starts it for every verb, so start time is everything: this file and what it imports are one bundle, which
 * parses its words by hand and loads nothing that a verb does not need.
 */
import type { CgroupManager } from '../../runtime/index.ts'
import { writeAll } from '../print/write.ts'
import { type Command, type Context, checkCount } from './command.ts'
import { commands } from './commands.ts'
import { type FlagValues, parseFlags, usageError } from './flags.ts'
import { globalFlags, helpFlags } from './global-flags.ts'
import { commandHelp, globalHelp, versionText } from './help.ts'
import { Log } from './log.ts'
import { defaultStateRoot } from './state-root.ts'

type GlobalFlags = FlagValues<typeof globalFlags>

async function main(words: readonly string[]): Promise<number> {
  let log = new Log({ format: 'text', debug: false })
  try {
    const { flags, rest } = parseFlags(globalFlags, words, { stopAtFirstWord: true })
    log = openLog(flags)
    return await dispatch(flags, rest, log)
  } catch (error) {
    log.error(error)
    return 1
  } finally {
    log.close()
  }
}

function openLog({ log: path, 'log-format': format = 'text', debug }: GlobalFlags): Log {
  if (format !== 'text' && format !== 'json') throw usageError(`unknown log-format ${JSON.stringify(format)}`)
  return new Log({ path, format, debug })
}

async function dispatch(flags: GlobalFlags, [name, ...words]: readonly string[], log: Log): Promise<number> {
  if (flags.version) return print(versionText())
  if (name === undefined || flags.help) return print(globalHelp(globalFlags))
  if (name === 'help') return print(words[0] === undefined ? globalHelp(globalFlags) : helpFor(words[0]))
  const command = find(name)
  const { flags: values, rest } = parseFlags({ ...command.flags, ...helpFlags }, words, command)
  if (values.help) return print(commandHelp(name, command))
  checkCount(name, command, rest.length)
  log.debug(`utsuwa-oci ${[name, ...words].join(' ')}`)
  return command.run(values, rest, contextOf(flags, log))
}

function find(name: string): Command {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) throw usageError(`unknown command ${JSON.stringify(name)}`)
  return command
}

const helpFor = (name: string): string => commandHelp(name, find(name))

function contextOf(flags: GlobalFlags, log: Log): Context {
  checkRootless(flags)
  return { stateRoot: flags.root ?? defaultStateRoot(), cgroupManager: cgroupManagerOf(flags), log }
}

function cgroupManagerOf(flags: GlobalFlags): CgroupManager {
  const name = flags['cgroup-manager'] ?? (flags['systemd-cgroup'] ? 'systemd' : 'cgroupfs')
  if (name === 'cgroupfs' || name === 'systemd' || name === 'disabled') return name
  throw usageError(`unknown cgroup-manager ${JSON.stringify(name)}`)
}

/** Whether there is root is what the kernel says; what the caller says of it may be wrong, but not nonsense. */
function checkRootless({ rootless = 'auto' }: GlobalFlags): void {
  if (!/^(auto|true|false|1|0)$/i.test(rootless))
    throw usageError(`invalid value ${JSON.stringify(rootless)} for rootless`)
}

function print(text: string): number {
  writeAll(1, text)
  return 0
}

// All output is written by now: to end at once spares the time in which Node.js takes its heap down.
main(process.argv.slice(2)).then(status => process.exit(status))
