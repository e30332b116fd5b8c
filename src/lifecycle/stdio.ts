/** Standard streams of a container in this process. */
import { closeSync } from 'node:fs'
import type { Socket } from 'node:net'
import { sys } from '../sys/index.ts'

/** `inherit`: this process's own. `ignore`: /dev/null. `pipe`: streams of this process. */
export type Stdio = 'inherit' | 'ignore' | 'pipe'

export interface Streams extends Disposable {
  /** For the container's descriptors 0–2; closed by disposal, once the container has its copies. */
  readonly fds: readonly [number, number, number]
  readonly stdin: Socket | undefined
  readonly stdout: Socket | undefined
  readonly stderr: Socket | undefined
  /** Ends this process's side too, where there will be no container to use it. */
  abandon(): void
}

export async function openStdio(stdio: Stdio): Promise<Streams> {
  if (stdio !== 'pipe') {
    const fds = stdio === 'inherit' ? ([0, 1, 2] as const) : ([-1, -1, -1] as const)
    return {
      fds,
      stdin: undefined,
      stdout: undefined,
      stderr: undefined,
      abandon: closeNothing,
      [Symbol.dispose]: closeNothing,
    }
  }
  // Loaded when needed: a container that inherits its streams has no use for sockets.
  const { Socket } = await import('node:net')
  const [stdinRead, stdinWrite] = sys.pipe()
  const [stdoutRead, stdoutWrite] = sys.pipe()
  const [stderrRead, stderrWrite] = sys.pipe()
  const theirs = [stdinRead, stdoutWrite, stderrWrite] as const
  const stdin = new Socket({ fd: stdinWrite, readable: false, writable: true })
  const stdout = new Socket({ fd: stdoutRead, readable: true, writable: false })
  const stderr = new Socket({ fd: stderrRead, readable: true, writable: false })
  return {
    fds: theirs,
    stdin,
    stdout,
    stderr,
    abandon() {
      for (const stream of [stdin, stdout, stderr]) stream.destroy()
    },
    [Symbol.dispose]: () => {
      for (const fd of theirs) closeSync(fd)
    },
  }
}

function closeNothing(): void {
  // They are not ours.
}
