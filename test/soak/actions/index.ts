/** All that callers do. */
import * as change from './change.ts'
import * as data from './data.ts'
import * as look from './look.ts'
import * as oci from './oci.ts'
import * as run from './run.ts'

export const actions = [run, change, look, data, oci].flatMap(kinds => Object.values(kinds))
