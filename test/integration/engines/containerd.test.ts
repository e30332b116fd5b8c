/** containerd, through its shim: `ctr run --runc-binary bin/utsuwa-oci`. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Outcome, runtimePath, Workshop } from './engine.ts'

const workshop = new Workshop()
const socket = workshop.path('containerd.sock')
const ctrCommand = (...args: string[]): string[] => ['ctr', '--address', socket, ...args]
const ctr = (...args: string[]): Promise<Outcome> => workshop.run(ctrCommand(...args))
const runFlags = ['--runc-binary', runtimePath, '--snapshotter', 'overlayfs']

before(async () => {
  await workshop.startContainerd()
  const archive = workshop.path('image.tar')
  await workshop.run(['tar', '-C', await workshop.image(), '-cf', archive, '.'])
  const imported = await ctr('image', 'import', '--base-name', 'box', archive)
  assert.equal(imported.status, 0, imported.output)
})

after(() => workshop[Symbol.asyncDispose]())

test('run: output, exit status, and the message where it fails', async () => {
  const ran = await ctr('run', '--rm', ...runFlags, 'box:latest', 'once', 'sh', '-c', 'echo hello; exit 7')
  assert.deepEqual([ran.status, ran.stdout], [7, 'hello\n'])
  const missing = await ctr('run', '--rm', ...runFlags, 'box:latest', 'missing', 'nosuch')
  assert.match(missing.output, /OCI runtime create failed: .*executable file not found in \$PATH/)
})

test('a task that lives: exec', async () => {
  const started = await ctr('run', '--detach', ...runFlags, 'box:latest', 'life', 'sleep', '1000')
  assert.equal(started.status, 0, started.output)
  const exec = (id: string, ...args: string[]): string[] => ['task', 'exec', '--exec-id', id, ...args]
  const { status, stdout } = await ctr(...exec('e1', 'life', 'sh', '-c', 'echo in; exit 5'))
  assert.deepEqual([status, stdout], [5, 'in\n'])
  const inTerminal = await workshop.runInTerminal(ctrCommand(...exec('e2', '--tty', 'life', 'sh', '-c', 'tty; exit 9')))
  assert.equal(inTerminal.status, 9, inTerminal.output)
  assert.match(inTerminal.output, /\/dev\/pts\/0/)
  assert.match((await ctr(...exec('e3', 'life', 'nosuch'))).output, /OCI runtime exec failed: .*not found/)
})

test('the same: pause, metrics, kill', async () => {
  assert.equal((await ctr('task', 'pause', 'life')).status, 0)
  assert.match((await ctr('task', 'ls')).output, /life +\d+ +PAUSED/)
  assert.equal((await ctr('task', 'resume', 'life')).status, 0)
  assert.match((await ctr('task', 'metrics', 'life')).output, /pids\.current +1/)

  assert.equal((await ctr('task', 'kill', '--signal', 'SIGKILL', 'life')).status, 0)
  await ctr('task', 'wait', 'life')
  await ctr('task', 'delete', 'life') // its exit status is the task's
  assert.equal((await ctr('container', 'delete', 'life')).status, 0)
  assert.doesNotMatch((await ctr('task', 'ls')).output, /life/)
})
