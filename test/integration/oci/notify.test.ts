/** NOTIFY_SOCKET: a container tells the service manager that it is ready. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitReadable } from '../../../src/launch/readable.ts'
import type { RuntimeSpec } from '../../../src/spec/runtime.ts'
import { constants, sys } from '../../../src/sys/index.ts'
import { Playground } from './runtime.ts'

/** A playground with a service manager, which notes what it is told. */
class Service {
  readonly ground: Playground
  readonly env: { readonly NOTIFY_SOCKET: string }
  readonly lines: string[] = []
  readonly #socket: number
  #open = true

  constructor(t: TestContext, script: string, edit: (spec: RuntimeSpec) => void = () => undefined) {
    this.ground = new Playground(t)
    const { directory, bundle } = this.ground
    const program = join(bundle, 'rootfs/bin/notify')
    execFileSync('musl-gcc', ['-static', '-O1', '-o', program, join(import.meta.dirname, 'sd-notify.c')])
    this.ground.configure(['sh', '-c', script], spec => {
      spec.mounts!.push({ destination: '/out', type: 'bind', source: directory, options: ['bind', 'rw'] })
      edit(spec)
    })
    const directoryFd = openSync(directory, constants.O_DIRECTORY)
    this.#socket = sys.listen('datagram', directoryFd, 'manager.sock')
    closeSync(directoryFd)
    this.env = { NOTIFY_SOCKET: join(directory, 'manager.sock') }
    t.after(() => {
      this.#open = false
    })
    void this.#listen()
  }

  async #listen(): Promise<void> {
    while (this.#open) {
      if (!(await waitReadable(this.#socket, 100))) continue
      const message = sys.receive(this.#socket)
      if (message === undefined) continue
      this.lines.push(...message.data.toString().split('\n').filter(Boolean))
      if (message.fd !== undefined) closeSync(message.fd) // a barrier: its sender goes on
    }
    closeSync(this.#socket)
  }

  /** What it was told, once there is a PID in it; without what asks for an answer. */
  async told(): Promise<string[]> {
    for (let attempt = 0; attempt < 600 && !this.lines.some(line => line.startsWith('MAINPID=')); attempt++)
      await sleep(50)
    return this.lines.filter(line => !line.startsWith('BARRIER='))
  }

  async until(name: string): Promise<void> {
    for (let attempt = 0; attempt < 600; attempt++) {
      if (existsSync(join(this.ground.directory, name))) return
      await sleep(50)
    }
    assert.fail(`${name} did not appear within 30 s`)
  }
}

test('start stays until the container is ready, and passes that on with the PID of the host', async t => {
  const script =
    'notify STATUS=loading && echo >/out/loading; until [ -e /out/go ]; do sleep 0.05; done; notify READY=1; exec sleep 1000'
  const service = new Service(t, script, spec => {
    spec.process!.user = { uid: 1234, gid: 1234 } // may write to the socket all the same
  })
  const { ground, env } = service
  execFileSync('chmod', ['0777', ground.directory])
  const id = await ground.create([], { env })
  let returned = false
  const started = ground.succeed(['start', id], { env }).then(() => {
    returned = true
  })
  await service.until('loading')
  assert.equal(returned, false)
  writeFileSync(join(ground.directory, 'go'), '')
  await started
  assert.deepEqual(await service.told(), ['READY=1', `MAINPID=${(await ground.state(id)).pid}`])
})

test('a container that ends without a word does not hold its start', async t => {
  const service = new Service(t, 'echo "$NOTIFY_SOCKET" >/out/socket')
  const { ground, env } = service
  const id = await ground.create([], { env })
  await ground.succeed(['start', id], { env })
  await ground.waitFor(id, 'stopped')
  assert.deepEqual(service.lines, [])
  assert.equal(
    execFileSync('cat', [join(ground.directory, 'socket')], { encoding: 'utf8' }),
    '/run/notify/notify.sock\n',
  )
})

test('run passes it on while the container is in its foreground', async t => {
  const service = new Service(t, 'notify READY=1; exec cat /out/nothing')
  const { ground, env } = service
  const { status } = await ground.call(['run', '-b', ground.bundle, ground.newId()], { env })
  assert.equal(status, 1)
  assert.match((await service.told()).join(), /^READY=1,MAINPID=\d+$/)
})

test('without $NOTIFY_SOCKET there is neither a socket nor a variable', async t => {
  const { ground } = new Service(t, 'echo "<$NOTIFY_SOCKET>"; ls /run/notify')
  const { stdout, status } = await ground.call(['run', '-b', ground.bundle, ground.newId()])
  assert.deepEqual([stdout, status === 0], ['<>\n', false])
})
