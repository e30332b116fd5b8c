import { closeSync } from 'node:fs'
import { constants as osConstants } from 'node:os'
import * as runtime from '../../runtime/index.ts'
import { sys } from '../../sys/index.ts'
import { exitStatus } from '../../util/exit-status.ts'
import { forwardSignals } from '../terminal/signals.ts'
import { openConsole } from '../terminal/terminal.ts'
import { defineCommand } from './command.ts'
import { consoleOf } from './create.ts'
import { criuFlags, criuOptions } from './criu-flags.ts'
import { usageError } from './flags.ts'
import { describeError } from './log.ts'
import { creationFlags, ociCreationOptions, writePidFile } from './read-creation.ts'

const { signals } = osConstants

export const command = defineCommand({
  summary: 'make a container again from a checkpoint',
  usage: 'ID',
  arguments: [1, 1],
  flags: {
    bundle: creationFlags.bundle,
    'console-socket': creationFlags['console-socket'],
    'pid-file': creationFlags['pid-file'],
    detach: { short: 'd', help: 'return when the container runs' },
    ...criuFlags,
    'lsm-profile': { value: 'TYPE:NAME', help: 'a label to restore processes with: apparmor:NAME, selinux:NAME' },
    'lsm-mount-context': { value: 'CONTEXT', help: 'SELinux context to restore mounts with' },
    'no-pivot': { help: 'accepted; criu does without pivot_root(2) where it must' },
    'no-subreaper': { help: 'accepted; the container has no children outside itself' },
  },
  async run(flags, [id = ''], context) {
    const { stateRoot, log } = context
    const {
      detach,
      'console-socket': consoleSocket,
      'lsm-profile': lsmProfile,
      'lsm-mount-context': lsmMountContext,
    } = flags
    const creation = ociCreationOptions(id, { ...flags, 'no-new-keyring': false, 'preserve-fds': undefined }, context)
    const terminal = creation.spec.process?.terminal === true
    if (!detach && consoleSocket !== undefined)
      throw usageError('cannot use console socket if utsuwa-oci will not detach or allocate tty')
    const remove = (): Promise<void> =>
      runtime.deleteContainer(stateRoot, id, { force: true, onHookFailure: error => log.warning(describeError(error)) })

    using console = detach || !terminal ? undefined : openConsole({ keepLineFeeds: true })
    const { pid } = await runtime.restore(
      { ...creation, ...consoleOf(console, flags, terminal) },
      {
        ...criuOptions(flags),
        ...(lsmProfile === undefined ? {} : { lsmProfile }),
        ...(lsmMountContext === undefined ? {} : { lsmMountContext }),
      },
    )
    try {
      await console?.attach()
      if (flags['pid-file'] !== undefined) writePidFile(flags['pid-file'], pid)
      if (detach) return 0
      const status = await waitFor(pid)
      await console?.drained()
      await remove()
      return status
    } catch (error) {
      await remove()
      throw error
    }
  },
})

/** Of a child of ours, signals passed on meanwhile. */
async function waitFor(pid: number): Promise<number> {
  const pidfd = sys.pidfdOpen(pid)
  using _signals = forwardSignals(signal => void sys.pidfdSendSignal(pidfd, signals[signal]))
  await runtime.waitReadable(pidfd)
  const exit = sys.pidfdWait(pidfd)
  closeSync(pidfd)
  return exitStatus(exit!)
}
