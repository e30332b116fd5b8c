/** Makes containers known and removes them, one after another: `node add-and-remove.ts STATE_ROOT ID ROUNDS`. */
import { addRecord } from '../../../../src/runtime/state/record.ts'
import { recordOf } from './support.ts'

const [stateRoot = '', id = '', rounds] = process.argv.slice(2)
for (let round = 0; round < Number(rounds); round++) {
  using locked = addRecord(stateRoot, recordOf(id))
  locked.remove()
}
