import { constants as osConstants } from 'node:os'
import * as runtime from '../../runtime/index.ts'
import { sys } from '../../sys/index.ts'
import { exitStatus } from '../../util/exit-status.ts'
import { forwardSignals } from '../terminal/signals.ts'
import { openConsole } from '../terminal/terminal.ts'
import { defineCommand } from './command.ts'
import { consoleOf } from './create.ts'
import { usageError } from './flags.ts'
import { describeError } from './log.ts'
import { creationFlags, notifySocket, ociCreationOptions, writePidFile } from './read-creation.ts'

const { signals } = osConstants

export const command = defineCommand({
  summary: 'create a container, start it and wait for its end',
  usage: 'ID',
  arguments: [1, 1],
  flags: {
    ...creationFlags,
    detach: { short: 'd', help: 'return when the container runs' },
    keep: { help: 'keep the container when it has ended' },
    'no-subreaper': { help: 'accepted; the container has no children outside itself' },
  },
  async run(flags, [id = ''], context) {
    const { stateRoot, log } = context
    const options = { ...ociCreationOptions(id, flags, context), endWithLauncher: !flags.detach }
    const terminal = options.spec.process?.terminal === true
    if (!flags.detach && flags['console-socket'] !== undefined)
      throw usageError('cannot use console socket if utsuwa-oci will not detach or allocate tty')
    const remove = (): Promise<void> =>
      runtime.deleteContainer(stateRoot, id, { force: true, onHookFailure: error => log.warning(String(error)) })

    using console = flags.detach || !terminal ? undefined : openConsole({ keepLineFeeds: true })
    const { init, record } = await runtime.create({ ...options, ...consoleOf(console, flags, terminal) })
    try {
      await console?.attach()
      if (flags['pid-file'] !== undefined) writePidFile(flags['pid-file'], record.pid)
      using _signals = flags.detach
        ? undefined
        : forwardSignals(signal => void sys.pidfdSendSignal(init.pidfd, signals[signal]))
      const started = await runtime.start(stateRoot, id, { notifySocket: notifySocket() })
      const ready = started.ready.catch(error => log.warning(describeError(error)))
      init.close()
      if (flags.detach) {
        await ready
        return 0
      }
      // It ends with the container at the latest.
      const [exit] = await Promise.all([init.wait(), ready])
      await console?.drained()
      if (!flags.keep) await remove()
      return exitStatus(exit)
    } catch (error) {
      await remove()
      throw error
    }
  },
})
