import * as runtime from '../../runtime/index.ts'
import { defineCommand } from './command.ts'
import { describeError } from './log.ts'

export const command = defineCommand({
  summary: 'delete a container that has stopped, and all that it held',
  usage: 'ID',
  arguments: [1, 1],
  flags: { force: { short: 'f', help: 'kill it first; no error when it does not exist' } },
  async run({ force }, [id = ''], { stateRoot, log }) {
    await runtime.deleteContainer(stateRoot, id, { force, onHookFailure: error => log.warning(describeError(error)) })
    return 0
  },
})
