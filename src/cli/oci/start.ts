import * as runtime from '../../runtime/index.ts'
import { defineCommand } from './command.ts'
import { describeError } from './log.ts'
import { notifySocket } from './read-creation.ts'

export const command = defineCommand({
  summary: 'execute the command of a created container',
  usage: 'ID',
  arguments: [1, 1],
  flags: {},
  async run(_flags, [id = ''], { stateRoot, log }) {
    const { ready } = await runtime.start(stateRoot, id, { notifySocket: notifySocket() })
    // It runs, whatever the service manager knows of it.
    await ready.catch(error => log.warning(describeError(error)))
    return 0
  },
})
