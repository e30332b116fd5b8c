import { constants as osConstants } from 'node:os'
import * as runtime from '../../runtime/index.ts'
import type { Process } from '../../spec/runtime.ts'
import { sys } from '../../sys/index.ts'
import { exitStatus } from '../../util/exit-status.ts'
import { checkPreservedFds } from '../flags/preserved-fds.ts'
import { forwardSignals } from '../terminal/signals.ts'
import { openConsole } from '../terminal/terminal.ts'
import { type Context, defineCommand } from './command.ts'
import { connectConsole } from './create.ts'
import { execProcess, processFlags } from './exec-process.ts'
import { type FlagValues, usageError } from './flags.ts'
import { parseCount, writePidFile } from './read-creation.ts'

const { signals } = osConstants

/** What no command of its own means, so that a caller can tell a failure from a command that failed. */
const FAILURE = 255

const flags = {
  ...processFlags,
  detach: { short: 'd', help: 'return when the command runs' },
  'pid-file': { value: 'FILE', help: 'file to write the process id to' },
  'console-socket': { value: 'PATH', help: 'Unix socket that gets the master of the terminal' },
  'preserve-fds': { value: 'N', help: 'descriptors that the process gets beside 0, 1 and 2' },
  cgroup: { value: 'PATH', help: "an existing cgroup below the container's to run in" },
  'ignore-paused': { help: 'allow it in a paused container; the command waits for resume' },
} as const

export const command = defineCommand({
  summary: 'run one more process in a container',
  usage: 'ID [COMMAND [ARGUMENT...]]',
  arguments: [1, Number.POSITIVE_INFINITY],
  stopAtFirstWord: true,
  flags,
  async run(values, [id = '', ...args], context) {
    try {
      runtime.readRecord(context.stateRoot, id)
      const spec = runtime.readSpec(context.stateRoot, id)
      const process = runtime.completeProcess(execProcess(values, args, spec), spec)
      return await (values.detach ? detached : foreground)(id, process, values, context)
    } catch (error) {
      context.log.error(error)
      return FAILURE
    }
  },
})

async function detached(
  id: string,
  process: Process,
  values: FlagValues<typeof flags>,
  { stateRoot }: Context,
): Promise<number> {
  const console = connectConsole(values['console-socket'], process.terminal === true)
  const running = await runtime.exec(stateRoot, id, process, { ...optionsOf(values), ...console })
  if (values['pid-file'] !== undefined) writePidFile(values['pid-file'], running.pid)
  return 0
}

async function foreground(
  id: string,
  process: Process,
  values: FlagValues<typeof flags>,
  { stateRoot }: Context,
): Promise<number> {
  if (values['console-socket'] !== undefined)
    throw usageError('cannot use console socket if utsuwa-oci will not detach or allocate tty')
  using console = process.terminal ? openConsole({ keepLineFeeds: true }) : undefined
  const running = await runtime.exec(stateRoot, id, process, {
    ...optionsOf(values),
    ...(console === undefined ? {} : { consoleSocketFd: console.socketFd }),
  })
  await console?.attach()
  if (values['pid-file'] !== undefined) writePidFile(values['pid-file'], running.pid)
  using _signals = forwardSignals(signal => void sys.pidfdSendSignal(running.pidfd, signals[signal]))
  const exit = await running.wait()
  await console?.drained()
  return exitStatus(exit)
}

function optionsOf(values: FlagValues<typeof flags>) {
  const { cgroup, 'ignore-paused': ignorePaused } = values
  const preserveFds = parseCount(values['preserve-fds'] ?? '0', 'preserve-fds')
  checkPreservedFds(preserveFds)
  return {
    ignorePaused,
    preserveFds,
    ...(cgroup === undefined ? {} : { subCgroup: subCgroup(cgroup) }),
  }
}

/** Runc's `CONTROLLER:PATH` names hierarchies of cgroup v1. */
function subCgroup(path: string): string {
  if (path.includes(':'))
    throw usageError(`invalid value ${JSON.stringify(path)} for cgroup: cgroup v2 has one hierarchy`)
  if (path.split('/').includes('..')) throw usageError(`bad sub cgroup path: ${path}`)
  return path
}
