/** Two containers of each round that no caller touches, and whose monitors are not killed: what must become of them. */
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, type Ended, execute } from './command.ts'
import { type Process, processes } from './processes.ts'
import type { World } from './world.ts'

const WITNESS_STATUS = 7
/** Characters of the id in a monitor's command line: all that 15 bytes of room leave (native/monitor.c). */
const SHOWN_BY_MONITOR = 9
/** After the last fault; restarts wait longer from one to the next. */
const BACK_WITHIN_MS = 60_000

interface State {
  readonly Running: boolean
  readonly Status: string
  readonly ExitCode: number
  readonly Pid: number
}

/** `keeper` is restarted always, and killed often; `witness` ends by itself with a status, perhaps while there is no room. */
const guests: Readonly<Record<string, string[]>> = {
  keeper: ['--restart', 'always', '-p', '25000:80', 'IMAGE', 'sleep', '1000'],
  witness: ['--network', 'none', 'IMAGE', 'sh', '-c', `sleep 4; exit ${WITNESS_STATUS}`],
}

/** @returns what went wrong */
export async function inviteGuests(world: World): Promise<string[]> {
  const wrong: string[] = []
  for (const [name, words] of Object.entries(guests)) {
    const flags = words.map(word => (word === 'IMAGE' ? (world.images[0] ?? '') : word))
    const { status, stderr } = await execute(world, { words: ['run', '-d', '--name', name, ...flags] })
    if (status !== 0) wrong.push(`${name} does not start: ${stderr}`)
  }
  return wrong
}

/** Whether a process is of one of the guests: its first process, its monitor, or what cleans up after it. */
export function isOfGuest(world: World): (process: Process) => boolean {
  const ids = Object.keys(guests).flatMap(name => idOf(world, name) ?? [])
  const pids = ids.flatMap(id => Object.values(pidsOf(world, id)))
  return ({ pid, commandLine }) =>
    pids.includes(pid) || ids.some(id => commandLine.includes(id.slice(0, SHOWN_BY_MONITOR)))
}

/** The keeper's first process, which may be killed. */
export function keeperPid(world: World): number | undefined {
  const id = idOf(world, 'keeper')
  const pid = id === undefined ? undefined : pidsOf(world, id).first
  // The record of one that has ended still has its number, which may be another's by now.
  return processes().find(process => process.pid === pid && process.first)?.pid
}

/** Once all faults are lifted. @returns what is not as it must be */
export async function judgeGuests(world: World): Promise<string[]> {
  const wrong: string[] = []
  const [witness, keeper] = await Promise.all([
    until(world, 'witness', ({ Status, ExitCode }) => Status === 'exited' && ExitCode === WITNESS_STATUS),
    until(world, 'keeper', ({ Running }) => Running),
  ])
  if (witness.state?.Status !== 'exited' || witness.state.ExitCode !== WITNESS_STATUS)
    wrong.push(`witness exits with ${WITNESS_STATUS}, and is told of as: ${witness.text}`)
  if (!keeper.state?.Running)
    wrong.push(
      `keeper is to be restarted always, and is: ${keeper.text}\n${(await ask(world, ['why', 'keeper'])).split('\n\n')[0]}`,
    )
  return wrong
}

async function until(
  world: World,
  name: string,
  isSo: (state: State) => boolean,
): Promise<{ state: State | undefined; text: string }> {
  for (const end = Date.now() + BACK_WITHIN_MS; ; await sleep(500)) {
    const text = await ask(world, ['inspect', name])
    const state = parse(text)
    if ((state !== undefined && isSo(state)) || Date.now() > end)
      return { state, text: state === undefined ? text : JSON.stringify(state) }
  }
}

async function ask(world: World, words: Command['words']): Promise<string> {
  const { status, stdout, stderr }: Ended = await execute(world, { words })
  return status === 0 ? stdout : stderr
}

function parse(text: string): State | undefined {
  try {
    return (JSON.parse(text) as [{ State: State }])[0].State
  } catch {
    return undefined // an error message, which is told instead
  }
}

function idOf({ runRoot }: World, name: string): string | undefined {
  const link = join(runRoot, 'names', name)
  try {
    return basename(readlinkSync(link))
  } catch {
    return existsSync(link) ? basename(readOrEmpty(link)) : undefined
  }
}

function pidsOf({ runRoot }: World, id: string): { first?: number; monitor?: number } {
  const text = readOrEmpty(join(runRoot, 'containers', id, 'state.json'))
  if (text === '') return {}
  const { pid, monitor } = JSON.parse(text) as { pid: number; monitor?: { pid: number } }
  return { ...(pid > 0 && { first: pid }), ...(monitor !== undefined && { monitor: monitor.pid }) }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // the container is just being made, or removed
  }
}
