import * as runtime from '../../runtime/index.ts'
import { writeAll } from '../print/write.ts'
import { defineCommand } from './command.ts'

export const command = defineCommand({
  summary: 'print the state of a container as JSON',
  usage: 'ID',
  arguments: [1, 1],
  flags: {},
  async run(_flags, [id = ''], { stateRoot }) {
    writeAll(1, `${JSON.stringify({ ...runtime.state(stateRoot, id), owner: '' }, undefined, 2)}\n`)
    return 0
  },
})
