/** podman, through conmon: `podman --runtime bin/utsuwa-oci`, with nothing else said. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { type Outcome, runtimePath, Workshop } from './engine.ts'

const workshop = new Workshop()
const globalFlags = [
  ...['--runtime', runtimePath, '--cgroup-manager', 'cgroupfs', '--storage-driver', 'overlay'],
  ...['--root', workshop.path('podman'), '--runroot', workshop.path('podman-run')],
  ...['--tmpdir', workshop.path('podman-tmp'), '--events-backend', 'file'],
]
const podman = (...args: string[]): string[] => ['podman', ...globalFlags, ...args]
const run = (...args: string[]): Promise<Outcome> => workshop.run(podman(...args))

before(async () => {
  const pulled = await run('pull', '--quiet', `oci:${await workshop.image()}:latest`)
  assert.equal(pulled.status, 0, pulled.output)
  await run('tag', pulled.output.trim(), 'box')
})

after(async () => {
  await run('rm', '--all', '--force', '--time', '0')
  await workshop[Symbol.asyncDispose]()
})

test('run: output, exit status, and what the kernel was told', async () => {
  const script = 'id -u; cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max; exit 7'
  const limits = ['--memory', '64m', '--pids-limit', '33']
  const ran = await run('run', '--rm', '--network', 'none', ...limits, 'box', 'sh', '-c', script)
  assert.deepEqual([ran.status, ran.stdout], [7, '0\n67108864\n33\n'], ran.output)
})

test('run without cgroups, which podman leaves to runtimes that containers.conf names', async () => {
  const containersConf = workshop.path('containers.conf')
  writeFileSync(containersConf, `[engine]\nruntime_supports_nocgroup = ["utsuwa-oci"]\n`)
  const own = readFileSync('/proc/self/cgroup', 'utf8')
  // A cgroup namespace of its own would hide where it is.
  const words = ['run', '--rm', '--network', 'none', '--cgroups=disabled', '--cgroupns=host', 'box', 'cat']
  const ran = await workshop.run(podman(...words, '/proc/self/cgroup'), { env: { CONTAINERS_CONF: containersConf } })
  assert.deepEqual([ran.status, ran.stdout], [0, own], ran.output)
})

test('run: a command that is not there is 127, one that is none 126', async () => {
  assert.equal((await run('run', '--rm', '--network', 'none', 'box', 'nosuch')).status, 127)
  assert.equal((await run('run', '--rm', '--network', 'none', 'box', '/bin')).status, 126)
})

test('a container that lives: exec', async () => {
  const started = await run('run', '--detach', '--name', 'life', '--network', 'none', 'box', 'sleep', '1000')
  assert.equal(started.status, 0, started.output)
  const { status, stdout } = await run('exec', 'life', 'sh', '-c', 'echo in; exit 5')
  assert.deepEqual([status, stdout], [5, 'in\n'])
  assert.equal((await run('exec', 'life', 'nosuch')).status, 127)
  const inTerminal = await workshop.runInTerminal(podman('exec', '-it', 'life', 'sh', '-c', 'tty; exit 9'))
  assert.equal(inTerminal.status, 9, inTerminal.output)
  assert.match(inTerminal.output, /\/dev\/pts\/0/)
})

test('the same: pause, stats', async () => {
  assert.equal((await run('pause', 'life')).status, 0)
  assert.match((await run('ps', '--all', '--format', '{{.Status}}')).output, /Paused/i)
  assert.equal((await run('unpause', 'life')).status, 0)
  assert.match((await run('stats', '--no-stream', '--format', '{{.PIDs}} {{.MemUsage}}', 'life')).stdout, /^1 \d/m)
})

test('the same: stop, start, kill, rm', async () => {
  assert.equal((await run('stop', '--time', '1', 'life')).status, 0)
  assert.equal((await run('start', 'life')).status, 0)
  assert.equal((await run('kill', 'life')).status, 0)
  assert.equal((await run('wait', 'life')).stdout, '137\n')
  assert.equal((await run('rm', 'life')).status, 0)
})

test('run -it: a terminal of its own', async () => {
  const command = podman('run', '--rm', '-it', '--network', 'none', 'box', 'sh', '-c', 'tty; exit 3')
  const { status, output } = await workshop.runInTerminal(command)
  assert.equal(status, 3, output)
  assert.match(output, /\/dev\/pts\/0/)
})

test('build: steps run in containers of ours', async () => {
  writeFileSync(workshop.path('Containerfile'), 'FROM localhost/box\nRUN echo built >/etc/built\nCMD cat /etc/built\n')
  const file = workshop.path('Containerfile')
  const built = await run('build', '--network', 'none', '--tag', 'built', '--file', file, workshop.directory)
  assert.equal(built.status, 0, built.output)
  assert.equal((await run('run', '--rm', '--network', 'none', 'built')).stdout, 'built\n')
})
