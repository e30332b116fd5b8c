import { checkpointContainer } from '../../lifecycle/checkpoint.ts'
import { defineCommand } from './command.ts'
import { criuFlags, criuOptions } from './criu-flags.ts'
import { describeError } from './log.ts'

export const checkpoint = defineCommand({
  summary: 'write a running container to files, and delete it',
  usage: 'ID',
  arguments: [1, 1],
  flags: {
    ...criuFlags,
    'parent-path': {
      value: 'DIR',
      help: 'an earlier pre-dump, relative to the image path: what has changed is written',
    },
    'pre-dump': { help: 'write memory alone, and let the container run' },
    'leave-running': { help: 'let the container run, and keep it' },
    'tcp-skip-in-flight': { help: 'leave out TCP connections that are being set up' },
    'link-remap': { help: 'keep files alive whose names were removed' },
  },
  async run(flags, [id = ''], { stateRoot, log }) {
    const parentPath = flags['parent-path']
    await checkpointContainer(stateRoot, id, {
      ...criuOptions(flags),
      preDump: flags['pre-dump'],
      leaveRunning: flags['leave-running'],
      tcpSkipInFlight: flags['tcp-skip-in-flight'],
      linkRemap: flags['link-remap'],
      ...(parentPath === undefined ? {} : { parentPath }),
      onHookFailure: error => log.warning(describeError(error)),
    })
    return 0
  },
})
