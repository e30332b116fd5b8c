import { statSync } from 'node:fs'
import type { OciState } from '../../runtime/index.ts'
import * as runtime from '../../runtime/index.ts'
import { formatTable } from '../print/table.ts'
import { writeAll } from '../print/write.ts'
import { defineCommand } from './command.ts'
import { usageError } from './flags.ts'

export const command = defineCommand({
  summary: 'list the containers below the root',
  usage: '',
  arguments: [0, 0],
  flags: {
    format: { short: 'f', value: 'FORMAT', help: 'table or json; default: table' },
    quiet: { short: 'q', help: 'print ids alone' },
  },
  async run({ format = 'table', quiet }, _args, { stateRoot }) {
    if (format !== 'table' && format !== 'json') throw usageError(`invalid format option ${JSON.stringify(format)}`)
    const states = runtime.listStates(stateRoot).map(state => ({ ...state, owner: ownerOf(stateRoot, state) }))
    if (quiet) writeAll(1, states.map(({ id }) => `${id}\n`).join(''))
    else if (format === 'json') writeAll(1, `${JSON.stringify(states)}\n`)
    else writeAll(1, table(states))
    return 0
  },
})

function ownerOf(stateRoot: string, { id }: OciState): string {
  const uid = statSync(runtime.containerDirectory(stateRoot, id), { throwIfNoEntry: false })?.uid
  return uid === 0 ? 'root' : uid === undefined ? '' : `#${uid}`
}

function table(states: readonly (OciState & { readonly owner: string })[]): string {
  const rows = states.map(({ id, pid, status, bundle, created, owner }) => [
    id,
    String(pid),
    status,
    bundle,
    created,
    owner,
  ])
  return formatTable(['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'], rows)
}
