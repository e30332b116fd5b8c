/**
 * One request to criu, from its start to its end.
 *
 * It is asked over a socket (`criu swrk`), as runc and crun ask it: it then tells of the steps in which the runtime has
 * its part, hands over the master of a restored terminal, and says which process it has restored.
 */
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { closeSync, readFileSync, writeSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import { waitReadable } from '../launch/readable.ts'
import { sys } from '../sys/index.ts'
import { isPeerGone } from '../util/errno.ts'
import { findProgram } from '../util/find-program.ts'
import { howEnded, type ProgramEnd } from '../util/how-ended.ts'
import {
  type CriuOptions,
  type CriuRequestType,
  type CriuResponse,
  encodeNotified,
  encodeRequest,
  parseResponse,
} from './messages.ts'

/** In criu's process: the socket, the gate that it waits at in its surroundings, and what it inherits beside. */
const SOCKET_FD = 3
export const FIRST_INHERITED_FD = 5

/** criu itself, and what it calls: ip and iptables. Engines often leave these out of PATH. */
const SYSTEM_DIRECTORIES = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/** How many lines of a log an error quotes. */
const QUOTED_LINES = 3

/**
 * What a restore needs around criu: it waits for a line, so that the process can be moved to the container's cgroup
 * before anything happens in it; then makes the root file system a mount point, in a mount namespace of its own that the
 * host never sees, and a cgroup namespace where the container has one.
 */
const SURROUNDINGS = `
read -r _ <&4 || exit 1
exec 4<&-
root=$1 flag=$2
shift 2
exec unshare --mount $flag sh -c 'mount --rbind "$1" "$1" && shift && exec "$@"' sh "$root" "$@"`

export interface Surroundings {
  /** Host path of the root file system. */
  readonly root: string
  readonly cgroupNamespace: boolean
  /** Resolves when the process is in its place. */
  readonly place: (pid: number) => Promise<void>
}

export interface CriuCall {
  readonly type: CriuRequestType
  readonly options: CriuOptions
  /** Host path of the log, for the error. */
  readonly logPath: string
  /** Descriptors 0–2 of criu. Default: /dev/null. */
  readonly stdio?: readonly [number, number, number]
  /** What becomes descriptors FIRST_INHERITED_FD, … of criu. */
  readonly inherited?: readonly number[]
  readonly surroundings?: Surroundings
  /** Called at each step; a descriptor that comes along is closed afterwards. */
  readonly onStep?: (script: string, pid: number, fd: number | undefined) => Promise<void>
}

/** The environment and path of criu. @throws UtsuwaError UNSUPPORTED when it is not installed */
function findCriu(operation: string): { program: string; env: NodeJS.ProcessEnv } {
  const directories = [...(process.env.PATH ?? '').split(':'), ...SYSTEM_DIRECTORIES]
  const program = findProgram('criu', directories.filter(isAbsolute))
  if (program === undefined)
    throw new UtsuwaError('UNSUPPORTED', 'criu is missing', { operation, hint: 'install the package criu' })
  return { program, env: { ...process.env, PATH: directories.join(':') } }
}

/**
 * @param operation for the error: `checkpoint container x`
 * @returns the answer to the request
 * @throws UtsuwaError CRIU_FAILED with what criu's log says last; UNSUPPORTED when it is not installed; what `place`
 *   and `onStep` reject with
 */
export async function callCriu(operation: string, call: CriuCall): Promise<CriuResponse> {
  const criu = findCriu(operation)
  const [ours, theirs] = sys.socketpair('seqpacket')
  let process: CriuProcess | undefined
  try {
    process = await start(call, theirs, criu)
    await process.release()
    const response = await converse(ours, call)
    if (response?.success) return response
    // It has ended without a word: how, is all there is to say.
    const end = response === undefined ? await process.ended : undefined
    throw criuError(operation, call.logPath, response, end)
  } finally {
    // Without its peer criu ends, whatever it is about; so does what waits at the gate.
    closeSync(ours)
    process?.abandon()
    await process?.ended
  }
}

interface CriuProcess {
  readonly ended: Promise<ProgramEnd | Error>
  /** Puts it into its place and lets it begin. */
  release(): Promise<void>
  abandon(): void
}

/** Takes the socket over. */
async function start(
  { stdio = [-1, -1, -1], inherited = [], surroundings }: CriuCall,
  socket: number,
  { program, env }: { program: string; env: NodeJS.ProcessEnv },
): Promise<CriuProcess> {
  const { spawn } = await import('node:child_process')
  const [gate, opener] = sys.pipe()
  const streams = stdio.map(fd => (fd < 0 ? 'ignore' : fd))
  const descriptors: StdioOptions = [...streams, socket, gate, ...inherited]
  const words = [program, 'swrk', String(SOCKET_FD)]
  if (surroundings !== undefined) {
    const flag = surroundings.cgroupNamespace ? '--cgroup' : ''
    words.unshift('/bin/sh', '-c', SURROUNDINGS, 'sh', surroundings.root, flag)
  }
  const child = spawn(words[0]!, words.slice(1), { env, stdio: descriptors })
  for (const fd of [socket, gate]) closeSync(fd)
  let open = true
  const abandon = (): void => {
    if (open) closeSync(opener)
    open = false
  }
  return {
    ended: endOf(child),
    abandon,
    async release() {
      await surroundings?.place(child.pid!)
      writeSync(opener, '\n')
      abandon()
    },
  }
}

function endOf(child: ChildProcess): Promise<ProgramEnd | Error> {
  return new Promise(resolve => {
    child.on('exit', (code, signal) => resolve({ code, signal }))
    child.on('error', resolve)
  })
}

/** Answers each step until criu is done; undefined when it ended without a word. */
async function converse(socket: number, { type, options, onStep }: CriuCall): Promise<CriuResponse | undefined> {
  if (!sendIfThere(socket, encodeRequest(type, options))) return undefined
  for (;;) {
    await waitReadable(socket)
    const message = sys.receive(socket)
    if (message === undefined) continue
    if (message.data.length === 0) return undefined
    const response = parseResponse(message.data)
    if (response.notification === undefined) return response
    const { script, pid } = response.notification
    try {
      await onStep?.(script, pid, message.fd)
    } finally {
      if (message.fd !== undefined) closeSync(message.fd)
    }
    if (!sendIfThere(socket, encodeNotified())) return undefined
  }
}

/** False when criu has ended. */
function sendIfThere(socket: number, message: Uint8Array): boolean {
  try {
    sys.send(socket, message)
    return true
  } catch (error) {
    if (isPeerGone(error)) return false
    throw error
  }
}

function criuError(
  operation: string,
  logPath: string,
  response: CriuResponse | undefined,
  end: ProgramEnd | Error | undefined,
): UtsuwaError {
  const said = lastErrors(logPath)
  const how = end instanceof Error ? end.message : end && howEnded(end)
  const words = [how, said.join('; ') || response?.message].filter(Boolean)
  const reason = `criu: ${words.join(': ') || 'it gave up without a word'}`
  return new UtsuwaError('CRIU_FAILED', `${reason} (log: ${logPath})`, {
    operation,
    path: logPath,
    // Positive, and 0 where criu does not know.
    ...(response === undefined || response.errno <= 0 ? {} : { errno: response.errno }),
  })
}

/** `(00.012345)      1: Error (criu/mount.c:123): mnt: …`, without the time. */
function lastErrors(logPath: string): string[] {
  let log: string
  try {
    log = readFileSync(logPath, 'utf8')
  } catch {
    return [] // there is none: criu did not get that far
  }
  const errors = log.split('\n').filter(line => /\bError \(/.test(line))
  return errors.slice(-QUOTED_LINES).map(line => line.replace(/^\([\d.]+\)\s*(\d+:\s*)?/, ''))
}
