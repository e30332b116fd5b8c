/** Standard streams of a process of a container in this process. */
import { closeSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { sys } from '../../sys/index.ts'
import { Capture, type CapturedText } from './capture.ts'
import type { OutputPipe } from './output-pipe.ts'

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
  readonly stdout: Readable | undefined
  readonly stderr: Readable | undefined
  /** Resolves when every process that had the captured streams has closed them. */
  captured(): Promise<CapturedText>
  /** Whether this process still has descriptors of them. */
  isOpen(): boolean
  /**
   * For the end of the process: closes this process's side of its pipes, and keeps for their readers what is in them. Those
   * stay open that another process can still write to.
   */
  drain(): void
  /** The same for those as well: nobody is to use them any more. */
  close(): void
}

const DEFAULT_MAX_OUTPUT = 1024 * 1024

export async function openStdio({ stdio = 'inherit', maxOutput = DEFAULT_MAX_OUTPUT }: StdioOptions): Promise<Streams> {
  const modes = typeof stdio === 'string' ? ([stdio, stdio, stdio] as const) : stdio
  const pipes = await openPipes(modes)
  const { input, output, errors } = pipes
  const ours = [output, errors].filter(pipe => pipe !== undefined)
  const capture = (index: 1 | 2, pipe: OutputPipe | undefined): Capture | undefined =>
    modes[index] === 'capture' && pipe !== undefined ? new Capture(pipe, maxOutput) : undefined
  const [capturedOutput, capturedErrors] = [capture(1, output), capture(2, errors)]
  return {
    fds: pipes.fds,
    stdin: input,
    stdout: capturedOutput === undefined ? output : undefined,
    stderr: capturedErrors === undefined ? errors : undefined,
    captured: async () => ({
      stdout: await capturedOutput?.text(),
      stderr: await capturedErrors?.text(),
      truncated: [capturedOutput, capturedErrors].some(stream => stream?.truncated),
    }),
    isOpen: () => ours.some(pipe => pipe.isOpen) || input?.destroyed === false,
    drain: () => {
      // A pipe that nobody reads any more is not noticed until it is written to.
      input?.destroy()
      for (const pipe of ours) pipe.drain()
    },
    close: () => {
      input?.destroy()
      for (const pipe of ours) pipe.close()
    },
    [Symbol.dispose]: () => {
      for (const fd of pipes.theirs) closeSync(fd)
    },
  }
}

interface Pipes {
  readonly fds: readonly [number, number, number]
  /** Those of `fds` that are ends of pipes. */
  readonly theirs: readonly number[]
  readonly input: Socket | undefined
  readonly output: OutputPipe | undefined
  readonly errors: OutputPipe | undefined
}

async function openPipes(modes: readonly [StreamMode, StreamMode, StreamMode]): Promise<Pipes> {
  const isPipe = (index: 0 | 1 | 2): boolean => modes[index] === 'pipe' || (modes[index] === 'capture' && index > 0)
  const other = (index: 0 | 1 | 2): number => (modes[index] === 'inherit' ? index : -1)
  // Loaded when needed: a container that inherits its streams has no use for sockets.
  const needsSockets = isPipe(0) || isPipe(1) || isPipe(2)
  const [net, own] = needsSockets ? await Promise.all([import('node:net'), import('./output-pipe.ts')]) : []
  const opened = new Map<0 | 1 | 2, { readonly read: number; readonly write: number }>()
  try {
    for (const index of [0, 1, 2] as const) {
      if (!isPipe(index)) continue
      const [read, write] = sys.pipe()
      opened.set(index, { read, write })
    }
  } catch (error) {
    // EMFILE: what the last one lacks must not be taken by those before it.
    for (const { read, write } of opened.values()) for (const fd of [read, write]) closeSync(fd)
    throw error
  }
  const [input, output, errors] = [opened.get(0), opened.get(1), opened.get(2)]
  return {
    fds: [input?.read ?? other(0), output?.write ?? other(1), errors?.write ?? other(2)],
    theirs: [input?.read, output?.write, errors?.write].filter(fd => fd !== undefined),
    input: input && new net!.Socket({ fd: input.write, readable: false, writable: true }),
    output: output && new own!.OutputPipe(output.read),
    errors: errors && new own!.OutputPipe(errors.read),
  }
}
