/** Docker Engine, with utsuwa as its default runtime: `dockerd --add-runtime utsuwa=bin/utsuwa-oci`. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { busyboxEntries } from '../../support/image-builder.ts'
import { writeTar } from '../../support/tar-writer.ts'
import { type Outcome, runtimePath, Workshop } from './engine.ts'

const workshop = new Workshop()
const host = `unix://${workshop.path('docker.sock')}`
/** The old builder: it runs its steps through the daemon's default runtime. */
const env = { DOCKER_HOST: host, DOCKER_BUILDKIT: '0', DOCKER_CONFIG: workshop.path('cli') }
const dockerCommand = (...args: string[]): string[] => ['/usr/bin/docker', ...args]
const docker = (...args: string[]): Promise<Outcome> => workshop.run(dockerCommand(...args), { env })

before(async () => {
  const flags = [
    ...['--containerd', await workshop.startContainerd()],
    ...['--add-runtime', `utsuwa=${runtimePath}`, '--default-runtime', 'utsuwa'],
    ...['--host', host, '--pidfile', workshop.path('docker.pid')],
    ...['--data-root', workshop.path('data'), '--exec-root', workshop.path('exec')],
    ...['--storage-driver', 'overlay2', '--exec-opt', 'native.cgroupdriver=cgroupfs'],
    // The test's machine keeps its network as it is.
    ...['--bridge', 'none', '--iptables=false', '--ip6tables=false'],
  ]
  await workshop.startDaemon(['dockerd', ...flags], dockerCommand('version'), { env })
  const archive = workshop.path('root.tar')
  writeFileSync(archive, writeTar(await busyboxEntries()))
  const imported = await docker('import', archive, 'box')
  assert.equal(imported.status, 0, imported.output)
})

after(() => workshop[Symbol.asyncDispose]())

const withoutNetwork = ['--network', 'none']

test('run: output, exit status, and what the kernel was told', async () => {
  const limits = ['--memory', '64m', '--pids-limit', '33']
  const script = 'id -u; cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max; exit 7'
  const ran = await docker('run', '--rm', ...withoutNetwork, ...limits, 'box', '/bin/sh', '-c', script)
  assert.deepEqual([ran.status, ran.stdout], [7, '0\n67108864\n33\n'], ran.output)
})

test('run: a command that is not there is 127, one that is none 126', async () => {
  assert.equal((await docker('run', '--rm', ...withoutNetwork, 'box', 'nosuch')).status, 127)
  assert.equal((await docker('run', '--rm', ...withoutNetwork, 'box', '/bin')).status, 126)
})

test('a container that lives: exec', async () => {
  const started = await docker('run', '--detach', '--name', 'life', ...withoutNetwork, 'box', '/bin/sleep', '1000')
  assert.equal(started.status, 0, started.output)
  const { status, stdout } = await docker('exec', 'life', 'sh', '-c', 'echo in; exit 5')
  assert.deepEqual([status, stdout], [5, 'in\n'])
  const inTerminal = await workshop.runInTerminal(dockerCommand('exec', '-it', 'life', 'sh', '-c', 'tty; exit 9'), {
    env,
  })
  assert.equal(inTerminal.status, 9, inTerminal.output)
  assert.match(inTerminal.output, /\/dev\/pts\/0/)
})

test('the same: update, pause, stats', async () => {
  const updated = await docker('update', '--memory', '96m', '--memory-swap', '128m', '--cpus', '0.5', 'life')
  assert.equal(updated.status, 0, updated.output)
  const files = ['memory.max', 'memory.swap.max', 'cpu.max'].map(name => `/sys/fs/cgroup/${name}`)
  const inForce = await docker('exec', 'life', 'cat', ...files)
  // Docker Engine looks for the file in its own cgroup, and in the root one leaves swap out, with a warning.
  const swap = /not support swap limit/.test(updated.output) ? 'max' : '33554432'
  assert.equal(inForce.stdout, `100663296\n${swap}\n50000 100000\n`, inForce.output)

  assert.equal((await docker('pause', 'life')).status, 0)
  assert.equal((await docker('unpause', 'life')).status, 0)
  const stats = await docker('stats', '--no-stream', '--format', '{{.PIDs}} {{.MemUsage}}', 'life')
  assert.match(stats.stdout, /^1 .* \/ 96MiB$/m)
})

test('the same: stop, start, kill, rm', async () => {
  assert.equal((await docker('stop', '--time', '1', 'life')).status, 0)
  assert.equal((await docker('start', 'life')).status, 0)
  assert.equal((await docker('kill', 'life')).status, 0)
  assert.equal((await docker('wait', 'life')).stdout, '137\n')
  assert.equal((await docker('rm', 'life')).status, 0)
})

test('build: steps run in containers of ours', async () => {
  const context = workshop.path('context')
  mkdirSync(context)
  writeFileSync(workshop.path('context/Dockerfile'), 'FROM box\nRUN echo built >/etc/built && cat /etc/built\n')
  const { status, output } = await docker('build', ...withoutNetwork, '--tag', 'built', context)
  assert.equal(status, 0, output)
  assert.match(output, /^built$/m)
})
