import { startContainer } from '../../runtime/start.ts'
import { defineCommand } from './command.ts'
import { notifySocket } from './creation.ts'
import { describeError } from './log.ts'

export const command = defineCommand({
  summary: 'execute the command of a created container',
  usage: 'ID',
  arguments: [1, 1],
  flags: {},
  async run(_flags, [id = ''], { stateRoot, log }) {
    const { ready } = await startContainer(stateRoot, id, { notifySocket: notifySocket() })
    // It runs, whatever the service manager knows of it.
    await ready.catch(error => log.warning(describeError(error)))
    return 0
  },
})
