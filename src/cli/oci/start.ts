import { startContainer } from '../../lifecycle/start.ts'
import { defineCommand } from './command.ts'

export const start = defineCommand({
  summary: 'execute the command of a created container',
  usage: 'ID',
  arguments: [1, 1],
  flags: {},
  async run(_flags, [id = ''], { stateRoot }) {
    await startContainer(stateRoot, id)
    return 0
  },
})
