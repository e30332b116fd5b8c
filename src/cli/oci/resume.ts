import * as runtime from '../../runtime/index.ts'
import { defineCommand } from './command.ts'

export const command = defineCommand({
  summary: 'let a paused container go on',
  usage: 'ID',
  arguments: [1, 1],
  flags: {},
  async run(_flags, [id = ''], { stateRoot }) {
    await runtime.resume(stateRoot, id)
    return 0
  },
})
