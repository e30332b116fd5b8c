import { readFileSync } from 'node:fs'
import { UtsuwaError } from '../../errors.ts'
import * as runtime from '../../runtime/index.ts'
import { parseJson } from '../../spec/json.ts'
import { type LinuxResources, parseLinuxResources } from '../../spec/runtime.ts'
import { errnoOf } from '../../util/errno.ts'
import { withoutUndefined } from '../../util/without-undefined.ts'
import { defineCommand } from './command.ts'
import { type FlagValues, usageError } from './flags.ts'

const flags = {
  resources: {
    short: 'r',
    value: 'FILE',
    help: 'linux.resources as JSON; - is standard input. No other flag counts then',
  },
  memory: { value: 'BYTES', help: 'limit of memory; -1 lifts it' },
  'memory-reservation': { value: 'BYTES', help: 'memory that is kept for the container' },
  'memory-swap': { value: 'BYTES', help: 'limit of memory and swap together; -1 lifts it' },
  'cpu-share': { value: 'SHARES', help: 'weight among others, 2 to 262144; default: 1024' },
  'cpu-period': { value: 'USEC', help: 'period of the quota' },
  'cpu-quota': { value: 'USEC', help: 'time in each period; -1 lifts the limit' },
  'cpu-burst': { value: 'USEC', help: 'unused time that may be made up for in a later period' },
  'cpu-idle': { value: '0|1', help: '1: run only when nobody else wants to' },
  'cpu-rt-period': { value: 'USEC', help: 'cgroup v1 only' },
  'cpu-rt-runtime': { value: 'USEC', help: 'cgroup v1 only' },
  'cpuset-cpus': { value: 'LIST', help: 'CPUs to run on: 0-3,7' },
  'cpuset-mems': { value: 'LIST', help: 'memory nodes to use: 0-1' },
  'pids-limit': { value: 'N', help: 'number of tasks; -1 lifts the limit' },
  'blkio-weight': { value: 'WEIGHT', help: 'weight of block I/O, 10 to 1000' },
  'l3-cache-schema': { value: 'SCHEMA', help: 'not supported' },
  'mem-bw-schema': { value: 'SCHEMA', help: 'not supported' },
} as const

export const command = defineCommand({
  summary: 'change the limits of a container',
  usage: 'ID',
  arguments: [1, 1],
  flags,
  async run(values, [id = ''], { stateRoot }) {
    const resources = values.resources === undefined ? resourcesOf(values) : readResources(values.resources)
    await runtime.update(stateRoot, id, resources)
    return 0
  },
})

function readResources(path: string): LinuxResources {
  try {
    return parseLinuxResources(parseJson(readFileSync(path === '-' ? 0 : path, 'utf8'), 'resources'))
  } catch (cause) {
    const errno = errnoOf(cause)
    if (errno === undefined) throw cause
    throw new UtsuwaError('INVALID_ARGUMENT', undefined, { operation: `open ${path}`, path, errno, cause })
  }
}

/** Checked as a file would be; 0 leaves a limit as it is, as with runc. */
function resourcesOf(values: FlagValues<typeof flags>): LinuxResources {
  for (const name of ['l3-cache-schema', 'mem-bw-schema'] as const)
    if (values[name] !== undefined) throw new UtsuwaError('UNSUPPORTED', `--${name}: Intel RDT is not enabled`)
  const number = (name: keyof typeof flags): bigint | undefined => integer(name, values[name])
  const bytes = (name: keyof typeof flags): number | undefined => size(name, values[name])
  const weight = number('blkio-weight')
  const pids = number('pids-limit')
  return parseLinuxResources(
    withoutUndefined({
      memory: withoutUndefined({
        limit: bytes('memory'),
        reservation: bytes('memory-reservation'),
        swap: bytes('memory-swap'),
      }),
      cpu: withoutUndefined({
        shares: number('cpu-share'),
        period: number('cpu-period'),
        quota: number('cpu-quota'),
        burst: number('cpu-burst'),
        idle: values['cpu-idle'] === undefined ? undefined : Number(number('cpu-idle')),
        realtimePeriod: number('cpu-rt-period'),
        realtimeRuntime: number('cpu-rt-runtime'),
        cpus: values['cpuset-cpus'],
        mems: values['cpuset-mems'],
      }),
      pids: pids ? { limit: pids } : undefined,
      blockIO: weight ? { weight: Number(weight) } : undefined,
    }),
  )
}

function integer(name: string, text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined
  if (!/^-?\d{1,19}$/.test(text)) throw usageError(`invalid value for ${name}: ${JSON.stringify(text)}`)
  return BigInt(text)
}

function size(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  return text === '-1' ? -1 : runtime.parseBytes(text, `--${name}`)
}
