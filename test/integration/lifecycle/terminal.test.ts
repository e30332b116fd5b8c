/** A terminal of the container's own: its master comes over the console socket. */
import assert from 'node:assert/strict'
import { closeSync, readSync, writeSync } from 'node:fs'
import { after, test } from 'node:test'
import { create } from '../../../src/index.ts'
import { waitReadable } from '../../../src/launch/readable.ts'
import { sys } from '../../../src/sys/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())

/** All that a terminal prints until its last slave is closed, which a master reads as EIO. */
async function readTerminal(master: number): Promise<string> {
  const buffer = Buffer.alloc(4096)
  let text = ''
  for (;;) {
    await waitReadable(master)
    try {
      const size = readSync(master, buffer)
      if (size === 0) return text
      text += buffer.toString('utf8', 0, size)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EIO') return text
      throw error
    }
  }
}

async function createWithTerminal(script: string) {
  const [ours, theirs] = sys.socketpair('stream')
  const { rootfs, runRoot } = sandbox
  const args = ['/bin/sh', '-c', script]
  const box = await create({ rootfs, runRoot, args, terminal: true, consoleSocketFd: theirs, removeOnExit: true })
  closeSync(theirs)
  const message = sys.receive(ours)
  closeSync(ours)
  assert.ok(message?.fd !== undefined, 'no master came over the socket')
  return { box, master: message.fd, name: message.data.toString() }
}

test('the master comes with its name; inside it is the console and the controlling terminal', async () => {
  const script =
    'tty; ls -l /dev/console | cut -c1; test -t 0 && test -t 1 && test -t 2 && echo all; echo to > /dev/tty; cat /proc/self/stat | cut -d" " -f7'
  const { box, master, name } = await createWithTerminal(script)
  assert.match(name, /^\/dev\/pts\/\d+$/)
  const output = readTerminal(master)
  await box.start()
  const result = await box.wait()
  const lines = (await output).split('\r\n')
  closeSync(master)
  assert.equal(result.exitCode, 0)
  assert.match(lines[0]!, /^\/dev\/(pts\/0|console)$/)
  assert.deepEqual(lines.slice(1, 4), ['c', 'all', 'to'])
  assert.notEqual(lines[4], '0', 'it has a controlling terminal')
})

test('the size can be set, and what is typed arrives', async () => {
  const { box, master } = await createWithTerminal('read line; echo "got $line"; stty size')
  sys.setTerminalSize(master, 132, 43)
  const output = readTerminal(master)
  await box.start()
  writeSync(master, 'hello\n')
  await box.wait()
  assert.match(await output, /got hello\r\n43 132\r\n$/)
  closeSync(master)
})

test('interrupting from the terminal is a signal', async () => {
  const { box, master } = await createWithTerminal(
    'trap "echo caught; exit 9" INT; echo up; while :; do sleep 0.05; done',
  )
  const output = readTerminal(master)
  await box.start()
  await new Promise(resolve => setTimeout(resolve, 100))
  writeSync(master, '\x03')
  assert.equal((await box.wait()).exitCode, 9)
  assert.match(await output, /caught/)
  closeSync(master)
})
