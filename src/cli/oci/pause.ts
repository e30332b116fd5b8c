import { pauseContainer } from '../../runtime/pause.ts'
import { defineCommand } from './command.ts'

export const command = defineCommand({
  summary: 'stop all processes of a container where they are',
  usage: 'ID',
  arguments: [1, 1],
  flags: {},
  async run(_flags, [id = ''], { stateRoot }) {
    await pauseContainer(stateRoot, id)
    return 0
  },
})
