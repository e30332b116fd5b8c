/** Standard streams of a process of a container in this process. */
import { closeSync } from 'node:fs'
import type { Socket } from 'node:net'
import { sys } from '../sys/index.ts'
import { Capture, type CapturedText } from './capture.ts'

/**
 * `inherit`: this process's own. `ignore`: /dev/null. `pipe`: a stream of this process. `capture`: text in the result
 * (standard output and error; standard input is /dev/null then).
 */
export type StreamMode = 'inherit' | 'ignore' | 'pipe' | 'capture'

/** One for all, or one each for standard input, output and error. */
export type Stdio = StreamMode | readonly [StreamMode, StreamMode, StreamMode]

export interface StdioOptions {
  /** Default: `inherit`. */
  readonly stdio?: Stdio
  /** Bytes of each captured stream that are kept; what comes after them is read and dropped. Default: 1 MiB. */
  readonly maxOutput?: number
}

export interface Streams extends Disposable {
  /** For the process's descriptors 0–2. Disposal closes those that are pipes, once the process has its copies. */
  readonly fds: readonly [number, number, number]
  readonly stdin: Socket | undefined
  readonly stdout: Socket | undefined
  readonly stderr: Socket | undefined
  /** Resolves when every process that had the captured streams has closed them. */
  captured(): Promise<CapturedText>
  /** Ends this process's side too, where there will be no process to use it. */
  abandon(): void
}

const DEFAULT_MAX_OUTPUT = 1024 * 1024

export async function openStdio({ stdio = 'inherit', maxOutput = DEFAULT_MAX_OUTPUT }: StdioOptions): Promise<Streams> {
  const modes = typeof stdio === 'string' ? ([stdio, stdio, stdio] as const) : stdio
  // Loaded when needed: a container that inherits its streams has no use for sockets.
  const needsSockets = modes.includes('pipe') || modes.includes('capture')
  const Socket = needsSockets ? (await import('node:net')).Socket : undefined
  const theirs: number[] = []
  const open = (index: 0 | 1 | 2): { fd: number; stream: Socket | undefined } => {
    const mode = modes[index]
    if (mode === 'inherit') return { fd: index, stream: undefined }
    if (mode === 'ignore' || (mode === 'capture' && index === 0) || Socket === undefined)
      return { fd: -1, stream: undefined }
    const [read, write] = sys.pipe()
    const [fd, ours] = index === 0 ? [read, write] : [write, read]
    theirs.push(fd)
    return { fd, stream: new Socket({ fd: ours, readable: index !== 0, writable: index === 0 }) }
  }
  const [stdin, stdout, stderr] = [open(0), open(1), open(2)]
  const capture = (index: 1 | 2, { stream }: { stream: Socket | undefined }): Capture | undefined =>
    modes[index] === 'capture' && stream !== undefined ? new Capture(stream, maxOutput) : undefined
  const [output, errors] = [capture(1, stdout), capture(2, stderr)]
  return {
    fds: [stdin.fd, stdout.fd, stderr.fd],
    stdin: stdin.stream,
    stdout: output === undefined ? stdout.stream : undefined,
    stderr: errors === undefined ? stderr.stream : undefined,
    captured: async () => ({
      stdout: await output?.text(),
      stderr: await errors?.text(),
      truncated: [output, errors].some(stream => stream?.truncated),
    }),
    abandon: () => {
      for (const { stream } of [stdin, stdout, stderr]) stream?.destroy()
    },
    [Symbol.dispose]: () => {
      for (const fd of theirs) closeSync(fd)
    },
  }
}
