/** The processes of the run, as /proc has them: all that there are in its PID namespace. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface Process {
  readonly pid: number
  readonly parent: number
  readonly state: string
  /** Arguments, with spaces between them. */
  readonly commandLine: string
  /** Path of the executable; empty of what has ended. */
  readonly executable: string
  /** Whether it is the first process of a PID namespace below that of the run. */
  readonly first: boolean
}

export function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it has ended meanwhile, or the kernel does not tell
  }
}

export function processes(): Process[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .flatMap(pid => readProcess(pid) ?? [])
}

function readProcess(pid: number): Process | undefined {
  const status = read(`/proc/${pid}/status`)
  if (status === '') return undefined
  const field = (name: string): string => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1] ?? ''
  const numbers = field('NSpid').split(/\s+/)
  return {
    pid,
    parent: Number(field('PPid')),
    state: field('State').slice(0, 1),
    commandLine: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim() || `[${field('Name')}]`,
    executable: executableOf(pid),
    first: numbers.length > 1 && numbers.at(-1) === '1',
  }
}

function executableOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`)
  } catch {
    return ''
  }
}

/** The process and all that descend from it. */
export function family(pid: number, all: readonly Process[] = processes()): Process[] {
  const children = all.filter(process => process.parent === pid).flatMap(child => family(child.pid, all))
  return [...all.filter(process => process.pid === pid), ...children]
}

/** Where a process and its descendants wait, for the report of one that hangs. */
export function stacks(pid: number): string {
  return family(pid)
    .map(process => {
      const of = (name: string): string => read(`/proc/${process.pid}/${name}`).trim()
      const details = [`wchan ${of('wchan')}`, `syscall ${of('syscall')}`, of('stack')].join('\n    ')
      return `  ${process.pid} ${process.state} ${process.commandLine}\n    ${details}`
    })
    .join('\n')
}
