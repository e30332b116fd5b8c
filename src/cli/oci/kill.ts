import * as runtime from '../../runtime/index.ts'
import { defineCommand } from './command.ts'

export const command = defineCommand({
  summary: 'send a signal to the first process of a container; default: SIGTERM',
  usage: 'ID [SIGNAL]',
  arguments: [1, 2],
  flags: { all: { short: 'a', help: 'to all processes of the container' } },
  async run({ all }, [id = '', signal = 'SIGTERM'], { stateRoot }) {
    runtime.kill(stateRoot, id, runtime.parseSignal(signal), { all })
    return 0
  },
})
