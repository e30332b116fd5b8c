import * as runtime from '../../runtime/index.ts'
import { sys } from '../../sys/index.ts'
import type { Console } from '../terminal/terminal.ts'
import { defineCommand } from './command.ts'
import { usageError } from './flags.ts'
import { creationFlags, ociCreationOptions, writePidFile } from './read-creation.ts'

export const command = defineCommand({
  summary: 'create a container; it waits for start',
  usage: 'ID',
  arguments: [1, 1],
  flags: creationFlags,
  async run(flags, [id = ''], context) {
    const options = ociCreationOptions(id, flags, context)
    const consoleSocketFd = connectConsole(flags['console-socket'], options.spec.process?.terminal === true)
    const { record } = await runtime.create({ ...options, ...consoleSocketFd })
    if (flags['pid-file'] === undefined) return 0
    try {
      writePidFile(flags['pid-file'], record.pid)
    } catch (error) {
      await runtime.deleteContainer(context.stateRoot, id, { force: true })
      throw error
    }
    // Nothing after this: who has read the file may kill us.
    return 0
  },
})

/** For a container that outlives this command. @throws UtsuwaError INVALID_ARGUMENT */
export function connectConsole(path: string | undefined, terminal: boolean): { consoleSocketFd?: number } {
  if (terminal && path === undefined)
    throw usageError('cannot allocate tty if utsuwa-oci will detach without setting console socket')
  if (!terminal && path !== undefined)
    throw usageError('cannot use console socket if utsuwa-oci will not detach or allocate tty')
  return path === undefined ? {} : { consoleSocketFd: sys.connect('stream', path) }
}

/** For a container that may end with this command, which then has its terminal. */
export function consoleOf(
  console: Console | undefined,
  flags: { detach: boolean; 'console-socket': string | undefined },
  terminal: boolean,
): { consoleSocketFd?: number } {
  if (console !== undefined) return { consoleSocketFd: console.socketFd }
  return flags.detach ? connectConsole(flags['console-socket'], terminal) : {}
}
