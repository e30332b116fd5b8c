import { resumeContainer } from '../../runtime/pause.ts'
import { defineCommand } from './command.ts'

export const command = defineCommand({
  summary: 'let a paused container go on',
  usage: 'ID',
  arguments: [1, 1],
  flags: {},
  async run(_flags, [id = ''], { stateRoot }) {
    await resumeContainer(stateRoot, id)
    return 0
  },
})
