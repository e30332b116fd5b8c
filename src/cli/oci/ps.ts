import { UtsuwaError } from '../../errors.ts'
import { containerProcesses } from '../../lifecycle/processes.ts'
import { errnoOf } from '../../util/errno.ts'
import { writeAll } from '../write.ts'
import { defineCommand } from './command.ts'
import { usageError } from './flags.ts'

export const ps = defineCommand({
  summary: 'list the processes of a container',
  usage: 'ID [PS-OPTION...]',
  arguments: [1, Number.POSITIVE_INFINITY],
  stopAtFirstWord: true,
  flags: { format: { short: 'f', value: 'FORMAT', help: 'table or json; default: table' } },
  async run({ format = 'table' }, [id = '', ...psOptions], { stateRoot }) {
    if (format !== 'table' && format !== 'json') throw usageError(`invalid format option ${JSON.stringify(format)}`)
    const pids = containerProcesses(stateRoot, id)
    writeAll(1, format === 'json' ? `${JSON.stringify(pids)}\n` : await table(pids, psOptions))
    return 0
  },
})

/** What ps(1) says of the whole machine, without the lines of others: so its options work, whatever they are. */
async function table(pids: readonly number[], options: readonly string[]): Promise<string> {
  const { spawnSync } = await import('node:child_process')
  const { error, status, stdout, stderr } = spawnSync('ps', options.length === 0 ? ['-ef'] : options, {
    encoding: 'utf8',
    maxBuffer: Number.POSITIVE_INFINITY,
  })
  const errno = errnoOf(error)
  if (errno !== undefined) throw new UtsuwaError('UNSUPPORTED', undefined, { operation: 'run ps', errno, cause: error })
  if (status !== 0) throw usageError(`ps: ${stderr.trim() || `exit status ${status}`}`)
  const [header = '', ...lines] = stdout.trimEnd().split('\n')
  const column = header.trim().split(/\s+/).indexOf('PID')
  if (column < 0) throw usageError("couldn't find PID field in ps output")
  const known = new Set(pids.map(String))
  return [header, ...lines.filter(line => known.has(line.trim().split(/\s+/)[column] ?? ''))].join('\n').concat('\n')
}
