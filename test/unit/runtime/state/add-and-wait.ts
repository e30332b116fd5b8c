/** Makes a container known and keeps it locked until it is killed: `node add-and-wait.ts STATE_ROOT ID`. */
import { writeSync } from 'node:fs'
import { addRecord } from '../../../../src/runtime/state/record.ts'
import { recordOf } from './support.ts'

const [stateRoot = '', id = ''] = process.argv.slice(2)
try {
  addRecord(stateRoot, recordOf(id))
  writeSync(1, 'added')
} catch (error) {
  writeSync(1, String(Reflect.get(error as object, 'code')))
}
setInterval(() => undefined, 60_000)
