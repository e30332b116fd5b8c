import { isIP } from 'node:net'
import type { PageServer } from '../../runtime/index.ts'
import * as runtime from '../../runtime/index.ts'
import { defineCommand } from './command.ts'
import { criuFlags, criuOptions } from './criu-flags.ts'
import { usageError } from './flags.ts'
import { describeError } from './log.ts'

export const command = defineCommand({
  summary: 'write a running container to files, and delete it',
  usage: 'ID',
  arguments: [1, 1],
  flags: {
    ...criuFlags,
    'parent-path': {
      value: 'DIR',
      help: 'an earlier pre-dump, relative to the image path: what has changed is written',
    },
    'page-server': {
      value: 'ADDRESS:PORT',
      help: 'a criu page-server that takes the memory instead of the image path',
    },
    'pre-dump': { help: 'write memory alone, and let the container run' },
    'leave-running': { help: 'let the container run, and keep it' },
    'tcp-skip-in-flight': { help: 'leave out TCP connections that are being set up' },
    'link-remap': { help: 'keep files alive whose names were removed' },
  },
  async run(flags, [id = ''], { stateRoot, log }) {
    const parentPath = flags['parent-path']
    const server = flags['page-server']
    await runtime.checkpoint(stateRoot, id, {
      ...criuOptions(flags),
      preDump: flags['pre-dump'],
      leaveRunning: flags['leave-running'],
      tcpSkipInFlight: flags['tcp-skip-in-flight'],
      linkRemap: flags['link-remap'],
      ...(parentPath === undefined ? {} : { parentPath }),
      ...(server === undefined ? {} : { pageServer: pageServerOf(server) }),
      onHookFailure: error => log.warning(describeError(error)),
    })
    return 0
  },
})

/** `10.0.0.1:27000`, `[fd00::1]:27000` */
function pageServerOf(text: string): PageServer {
  const [, address = '', port = ''] = /^(.*):(\d+)$/.exec(text) ?? []
  const server = { address: address.replace(/^\[(.*)\]$/, '$1'), port: Number(port) }
  if (isIP(server.address) === 0 || server.port < 1 || server.port > 65535)
    throw usageError(`invalid value ${JSON.stringify(text)} for page-server: it is an IP address and a port`)
  return server
}
