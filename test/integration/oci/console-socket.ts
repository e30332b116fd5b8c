/** The other side of `--console-socket`: who gets the master of a container's terminal. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { closeSync, readSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { waitReadable } from '../../../src/launch/readable.ts'
import { sys } from '../../../src/sys/index.ts'
import { isErrno } from '../../../src/util/errno.ts'

interface ConsoleSocket extends AsyncDisposable {
  readonly path: string
  /** The master of the terminal that a runtime has sent. */
  receive(): Promise<number>
}

export async function listenForConsole(path: string): Promise<ConsoleSocket> {
  const server = createServer({ pauseOnConnect: true }).listen(path)
  await once(server, 'listening')
  const connected = once(server, 'connection') as Promise<[Socket]>
  return {
    path,
    async receive() {
      const [socket] = await connected
      // Node reads no descriptors from sockets, so we do.
      const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
      await waitReadable(fd)
      const message = sys.receive(fd)
      socket.destroy()
      assert.ok(message?.fd !== undefined, 'a descriptor')
      return message.fd
    },
    async [Symbol.asyncDispose]() {
      server.close()
    },
  }
}

/** All that is written to a terminal until its last user is gone, or until `enough` of it. */
export async function readTerminal(master: number, enough?: RegExp): Promise<string> {
  let text = ''
  const buffer = Buffer.alloc(4096)
  try {
    while (enough === undefined || !enough.test(text)) {
      await waitReadable(master)
      text += buffer.toString('utf8', 0, readSync(master, buffer))
    }
    return text
  } catch (error) {
    if (!isErrno(error, 'EIO')) throw error
    return text
  } finally {
    closeSync(master)
  }
}
