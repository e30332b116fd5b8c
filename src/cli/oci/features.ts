import * as runtime from '../../runtime/index.ts'
import { writeAll } from '../print/write.ts'
import { commit, version } from '../version.ts'
import { defineCommand } from './command.ts'

/** Under the key by which engines ask runc. */
const checkpoints = { 'org.opencontainers.runc.checkpoint.enabled': 'true' }

export const command = defineCommand({
  summary: 'print what this runtime implements, as JSON',
  usage: '',
  arguments: [0, 0],
  flags: {},
  async run() {
    const document = {
      ...runtime.features(),
      annotations: { 'utsuwa.version': version, 'utsuwa.commit': commit, ...checkpoints },
    }
    writeAll(1, `${JSON.stringify(document, undefined, 2)}\n`)
    return 0
  },
})
