import * as runtime from '../../runtime/index.ts'
import { defineCommand } from './command.ts'

export const command = defineCommand({
  summary: 'stop all processes of a container where they are',
  usage: 'ID',
  arguments: [1, 1],
  flags: {},
  async run(_flags, [id = ''], { stateRoot }) {
    await runtime.pause(stateRoot, id)
    return 0
  },
})
