/** Docker Engine as it is on a host with systemd: cgroups by systemd, containers by utsuwa-oci. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { busyboxEntries } from '../../support/image-builder.ts'
import { writeTar } from '../../support/tar-writer.ts'
import { runtimePath, Workshop } from '../engines/engine.ts'
import { systemctl } from './support.ts'

const workshop = new Workshop()
const env = { DOCKER_HOST: `unix://${workshop.path('docker.sock')}`, DOCKER_CONFIG: workshop.path('cli') }

/** The old builder: it runs its steps through the daemon's default runtime. */
const builder = { ...env, DOCKER_BUILDKIT: '0' }

async function docker(...words: string[]): Promise<string> {
  const { status, stdout, output } = await workshop.run(['/usr/bin/docker', ...words], { env })
  assert.equal(status, 0, `docker ${words.join(' ')}: ${output}`)
  return stdout.trim()
}

before(async () => {
  const flags = [
    ...['--containerd', await workshop.startContainerd(), '--exec-opt', 'native.cgroupdriver=systemd'],
    ...['--add-runtime', `utsuwa=${runtimePath}`, '--default-runtime', 'utsuwa'],
    ...['--host', env.DOCKER_HOST, '--pidfile', workshop.path('docker.pid')],
    ...['--data-root', workshop.path('data'), '--exec-root', workshop.path('exec'), '--storage-driver', 'overlay2'],
    // The test's machine keeps its network as it is.
    ...['--bridge', 'none', '--iptables=false', '--ip6tables=false'],
  ]
  await workshop.startDaemon(['dockerd', ...flags], ['/usr/bin/docker', 'version'], { env })
  const archive = workshop.path('root.tar')
  writeFileSync(archive, writeTar(await busyboxEntries()))
  await docker('import', archive, 'box')
})

after(() => workshop[Symbol.asyncDispose]())

test('run, exec, update, stats, stop, rm: in one scope, which is gone at the end', async () => {
  const flags = ['--runtime', 'utsuwa', '--network', 'none', '--memory', '64m']
  const id = await docker('run', '--detach', '--name', 'life', ...flags, 'box', '/bin/sleep', '1000')
  const unit = `docker-${id}.scope`
  const show = (name: string): string => systemctl('show', '--value', '--property', name, unit)
  const read = (file: string): string => readFileSync(`/sys/fs/cgroup/system.slice/${unit}/${file}`, 'utf8').trim()

  assert.deepEqual([show('Slice'), show('MemoryMax')], ['system.slice', '67108864'])
  assert.equal(await docker('exec', 'life', 'cat', '/proc/self/cgroup'), '0::/')
  await docker('update', '--memory', '32m', '--memory-swap', '32m', 'life')
  assert.deepEqual([read('memory.max'), show('MemoryMax')], ['33554432', '33554432'])
  assert.match(await docker('stats', '--no-stream', '--format', '{{.PIDs}} {{.MemUsage}}', 'life'), /^1 .* \/ 32MiB$/m)
  await docker('stop', '--time', '1', 'life')
  await docker('rm', 'life')
  assert.equal(show('LoadState'), 'not-found')
})

test('build: each step runs in a scope of ours', async () => {
  const context = workshop.path('context')
  mkdirSync(context)
  writeFileSync(
    workshop.path('context/Dockerfile'),
    'FROM box\nRUN cat /proc/self/cgroup && echo built >/etc/built\nRUN cat /etc/built\n',
  )
  const words = ['/usr/bin/docker', 'build', '--network', 'none', '--tag', 'built', context]
  const { status, output } = await workshop.run(words, { env: builder })
  assert.equal(status, 0, output)
  assert.match(output, /^0::\/$/m)
  assert.match(output, /^built$/m)
})
