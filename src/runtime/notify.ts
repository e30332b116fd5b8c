/**
 * How a container tells the service manager that it is ready: sd_notify(3).
 *
 * The manager's own socket would not do: the manager asks from which unit a message comes, and a container is in a cgroup
 * of its own. So the container gets a socket in its own directory, and the command that starts it stays until it has passed
 * on that it is ready, with the PID as the host has it.
 */

import { chmodSync, closeSync, existsSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { waitAnyReadable, waitReadable } from '../launch/readable.ts'
import type { RuntimeSpec } from '../spec/runtime.ts'
import { constants, type Message, sys } from '../sys/index.ts'
import { inRoom } from '../util/room.ts'

const DIRECTORY = 'notify'
const SOCKET = 'notify.sock'
/** Where runc has it. */
const CONTAINER_DIRECTORY = '/run/notify'

/** How long the manager may take to read what it was told, as systemd-notify(1) has it. */
const BARRIER_MS = 5000
/** How long the sender may take to ask whether it was heard. */
const LAST_WORDS_MS = 200

/** @param directory of the container */
export function withNotifySocket(spec: RuntimeSpec, directory: string): RuntimeSpec {
  if (spec.process === undefined) return spec
  const env = (spec.process.env ?? []).filter(entry => !entry.startsWith('NOTIFY_SOCKET='))
  const options = ['bind', 'nosuid', 'noexec', 'nodev', 'ro']
  const mount = { destination: CONTAINER_DIRECTORY, type: 'bind', source: join(directory, DIRECTORY), options }
  return {
    ...spec,
    mounts: [...(spec.mounts ?? []), mount],
    process: { ...spec.process, env: [...env, `NOTIFY_SOCKET=${CONTAINER_DIRECTORY}/${SOCKET}`] },
  }
}

/** @param directory of the container */
export function makeNotifyDirectory(directory: string): void {
  const path = join(directory, DIRECTORY)
  inRoom(path, () => mkdirSync(path))
  chmodSync(path, 0o755) // for the container's user, whatever the umask
}

/** Listens to a container, for the service manager. */
export class NotifyRelay implements Disposable {
  readonly #managerSocket: string
  readonly #socket: number

  private constructor(managerSocket: string, socket: number) {
    this.#managerSocket = managerSocket
    this.#socket = socket
  }

  /** Before the container starts. Undefined when it was created without a socket. */
  static open(containerDirectory: string, managerSocket: string): NotifyRelay | undefined {
    const directory = join(containerDirectory, DIRECTORY)
    if (!existsSync(directory)) return undefined
    const path = join(directory, SOCKET)
    rmSync(path, { force: true })
    const directoryFd = openSync(directory, constants.O_DIRECTORY)
    try {
      const socket = sys.listen('datagram', directoryFd, SOCKET)
      chmodSync(path, 0o777) // who may write to it may send
      return new NotifyRelay(managerSocket, socket)
    } finally {
      closeSync(directoryFd)
    }
  }

  /** Resolves when the service manager knows that the container is ready, or when the container has ended. */
  async untilReady(pid: number, pidfd: number): Promise<void> {
    for (;;) {
      await waitAnyReadable([this.#socket, pidfd])
      const message = this.#receive()
      if (message === undefined) return
      if (saysReady(message.data)) break
    }
    await tell(this.#managerSocket, `READY=1\nMAINPID=${pid}`)
    // systemd-notify(1) asks in a second message, and fails when nobody is there any more.
    while (await waitAnyReadable([this.#socket, pidfd], LAST_WORDS_MS)) if (this.#receive() === undefined) return
  }

  /** A descriptor that comes along is a barrier: its sender waits until it is closed. */
  #receive(): Message | undefined {
    const message = sys.receive(this.#socket)
    if (message?.fd !== undefined) closeSync(message.fd)
    return message
  }

  [Symbol.dispose](): void {
    closeSync(this.#socket)
  }
}

/** Nothing else is passed on: other PIDs would be of the container's namespace, other states come too late. */
function saysReady(data: Buffer): boolean {
  return data.toString().split('\n').includes('READY=1')
}

/** Waits until it has been read: the manager looks up the sender, which may end right afterwards. */
async function tell(managerSocket: string, message: string): Promise<void> {
  const socket = sys.connect('datagram', managerSocket)
  const [read, write] = sys.pipe()
  try {
    sys.send(socket, Buffer.from(message))
    sys.send(socket, Buffer.from('BARRIER=1'), write)
    closeSync(write)
    await waitReadable(read, BARRIER_MS)
  } finally {
    closeSync(read)
    closeSync(socket)
  }
}
