import * as runtime from '../../runtime/index.ts'
import { printable } from '../print/format.ts'
import { processTable } from '../print/processes.ts'
import { writeAll } from '../print/write.ts'
import { defineCommand } from './command.ts'
import { usageError } from './flags.ts'

export const command = defineCommand({
  summary: 'list the processes of a container',
  usage: 'ID [PS-OPTION...]',
  arguments: [1, Number.POSITIVE_INFINITY],
  stopAtFirstWord: true,
  flags: { format: { short: 'f', value: 'FORMAT', help: 'table or json; default: table' } },
  async run({ format = 'table' }, [id = '', ...psOptions], { stateRoot }) {
    if (format !== 'table' && format !== 'json') throw usageError(`invalid format option ${JSON.stringify(format)}`)
    const pids = runtime.listProcesses(stateRoot, id)
    writeAll(1, format === 'json' ? `${JSON.stringify(pids)}\n` : await table(pids, psOptions))
    return 0
  },
})

async function table(pids: readonly number[], options: readonly string[]): Promise<string> {
  const { header, rows } = await processTable(pids, options)
  return [header, ...rows, ''].map(printable).join('\n')
}
