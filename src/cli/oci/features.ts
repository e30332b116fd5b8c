import { features as featuresDocument } from '../../lifecycle/features.ts'
import { version } from '../version.ts'
import { writeAll } from '../write.ts'
import { defineCommand } from './command.ts'

export const features = defineCommand({
  summary: 'print what this runtime implements, as JSON',
  usage: '',
  arguments: [0, 0],
  flags: {},
  async run() {
    const document = { ...featuresDocument(), annotations: { 'utsuwa.version': version } }
    writeAll(1, `${JSON.stringify(document, undefined, 2)}\n`)
    return 0
  },
})
