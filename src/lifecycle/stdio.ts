/** Standard streams of a container in this process. */
import { closeSync } from 'node:fs'
import type { Socket } from 'node:net'
import { sys } from '../sys/index.ts'

/** `inherit`: this process's own. `ignore`: /dev/null. `pipe`: a stream of this process. */
export type StreamMode = 'inherit' | 'ignore' | 'pipe'

/** One for all, or one each for standard input, output and error. */
export type Stdio = StreamMode | readonly [StreamMode, StreamMode, StreamMode]

export interface Streams extends Disposable {
  /** For the container's descriptors 0–2. Disposal closes those that are pipes, once the container has its copies. */
  readonly fds: readonly [number, number, number]
  readonly stdin: Socket | undefined
  readonly stdout: Socket | undefined
  readonly stderr: Socket | undefined
  /** Ends this process's side too, where there will be no container to use it. */
  abandon(): void
}

export async function openStdio(stdio: Stdio): Promise<Streams> {
  const modes = typeof stdio === 'string' ? ([stdio, stdio, stdio] as const) : stdio
  // Loaded when needed: a container that inherits its streams has no use for sockets.
  const Socket = modes.includes('pipe') ? (await import('node:net')).Socket : undefined
  const theirs: number[] = []
  const open = (index: 0 | 1 | 2): { fd: number; stream: Socket | undefined } => {
    if (modes[index] === 'inherit') return { fd: index, stream: undefined }
    if (modes[index] === 'ignore' || Socket === undefined) return { fd: -1, stream: undefined }
    const [read, write] = sys.pipe()
    const [fd, ours] = index === 0 ? [read, write] : [write, read]
    theirs.push(fd)
    return { fd, stream: new Socket({ fd: ours, readable: index !== 0, writable: index === 0 }) }
  }
  const [stdin, stdout, stderr] = [open(0), open(1), open(2)]
  return {
    fds: [stdin.fd, stdout.fd, stderr.fd],
    stdin: stdin.stream,
    stdout: stdout.stream,
    stderr: stderr.stream,
    abandon: () => {
      for (const { stream } of [stdin, stdout, stderr]) stream?.destroy()
    },
    [Symbol.dispose]: () => {
      for (const fd of theirs) closeSync(fd)
    },
  }
}
