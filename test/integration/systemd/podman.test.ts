/** podman as it is on a host with systemd: cgroups by systemd, containers by utsuwa-oci. */
import assert from 'node:assert/strict'
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { RUNTIME } from '../oci/runtime.ts'

const directory = mkdtempSync(join(tmpdir(), 'utsuwa-podman-'))
const storage = join(directory, 'storage.conf')

function podman(...words: string[]): SpawnSyncReturns<string> {
  return spawnSync('podman', ['--runtime', RUNTIME, '--cgroup-manager', 'systemd', ...words], {
    encoding: 'utf8',
    env: { ...process.env, CONTAINERS_STORAGE_CONF: storage },
  })
}

function succeed(...words: string[]): string {
  const { status, stdout, stderr } = podman(...words)
  assert.equal(status, 0, `podman ${words.join(' ')}: ${stderr}`)
  return stdout.trim()
}

/** Options that keep the network of the machine out of it. */
const run = ['run', '--network', 'none']

before(() => {
  const rootfs = join(directory, 'rootfs')
  mkdirSync(join(rootfs, 'bin'), { recursive: true })
  cpSync('/bin/busybox', join(rootfs, 'bin/busybox'))
  for (const applet of ['sh', 'cat', 'sleep']) symlinkSync('busybox', join(rootfs, 'bin', applet))
  const roots = `graphroot="${join(directory, 'storage')}"\nrunroot="${join(directory, 'run')}"\n`
  writeFileSync(storage, `[storage]\ndriver="overlay"\n${roots}`)
  const tar = join(directory, 'rootfs.tar')
  assert.equal(spawnSync('tar', ['-C', rootfs, '-cf', tar, '.']).status, 0)
  succeed('import', tar, 'box')
})

after(() => {
  podman('rm', '--all', '--force', '--time', '0')
  rmSync(directory, { recursive: true, force: true })
})

test('run: limits, output and exit status', () => {
  const script =
    'cat /proc/self/cgroup /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max; exit 7'
  const limits = ['--memory', '64m', '--pids-limit', '50', '--cpus', '0.5']
  const { status, stdout } = podman(...run, '--rm', ...limits, 'box', 'sh', '-c', script)
  assert.equal(status, 7)
  assert.equal(stdout, '0::/\n67108864\n50\n50000 100000\n')
})

test('run -d, exec, pause, stats, update, stop, rm: in one scope, which is gone at the end', () => {
  const id = succeed(...run, '--detach', '--name', 'box', '--memory', '64m', 'box', 'sleep', '1000')
  const unit = `libpod-${id}.scope`
  const show = (name: string): string =>
    spawnSync('systemctl', ['show', '--value', '--property', name, unit], { encoding: 'utf8' }).stdout.trim()
  const read = (file: string): string => readFileSync(`/sys/fs/cgroup/machine.slice/${unit}/${file}`, 'utf8').trim()

  assert.equal(show('Slice'), 'machine.slice')
  assert.equal(show('MemoryMax'), '67108864')
  assert.equal(read('cgroup.procs'), succeed('inspect', '--format', '{{.State.Pid}}', 'box'))
  assert.equal(succeed('exec', 'box', 'cat', '/proc/self/cgroup'), '0::/')
  succeed('pause', 'box')
  assert.match(read('cgroup.events'), /frozen 1/)
  succeed('unpause', 'box')
  assert.match(succeed('stats', '--no-stream', '--format', '{{.MemUsage}}', 'box'), /67.11MB/)
  succeed('update', '--memory', '32m', 'box')
  assert.equal(read('memory.max'), '33554432')
  assert.equal(show('MemoryMax'), '33554432')
  succeed('stop', '--time', '1', 'box')
  succeed('rm', 'box')
  assert.equal(show('LoadState'), 'not-found')
})
