/** podman as it is on a host with systemd: cgroups by systemd, containers by utsuwa-oci. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { Podman, withoutNetwork } from './podman.ts'

const podman = new Podman()
after(() => podman[Symbol.dispose]())

test('run: limits, output and exit status', () => {
  const script =
    'cat /proc/self/cgroup /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max; exit 7'
  const limits = ['--memory', '64m', '--pids-limit', '50', '--cpus', '0.5']
  const { status, stdout } = podman.call('run', ...withoutNetwork, '--rm', ...limits, 'box', 'sh', '-c', script)
  assert.equal(status, 7)
  assert.equal(stdout, '0::/\n67108864\n50\n50000 100000\n')
})

test('run -d, exec, pause, stats, update, stop, rm: in one scope, which is gone at the end', () => {
  const id = podman.succeed(
    'run',
    ...withoutNetwork,
    '--detach',
    '--name',
    'box',
    '--memory',
    '64m',
    'box',
    'sleep',
    '1000',
  )
  const unit = `libpod-${id}.scope`
  const show = (name: string): string =>
    spawnSync('systemctl', ['show', '--value', '--property', name, unit], { encoding: 'utf8' }).stdout.trim()
  const read = (file: string): string => readFileSync(`/sys/fs/cgroup/machine.slice/${unit}/${file}`, 'utf8').trim()

  assert.equal(show('Slice'), 'machine.slice')
  assert.equal(show('MemoryMax'), '67108864')
  assert.equal(read('cgroup.procs'), podman.succeed('inspect', '--format', '{{.State.Pid}}', 'box'))
  assert.equal(podman.succeed('exec', 'box', 'cat', '/proc/self/cgroup'), '0::/')
  podman.succeed('pause', 'box')
  assert.match(read('cgroup.events'), /frozen 1/)
  podman.succeed('unpause', 'box')
  assert.match(podman.succeed('stats', '--no-stream', '--format', '{{.MemUsage}}', 'box'), /67.11MB/)
  podman.succeed('update', '--memory', '32m', 'box')
  assert.equal(read('memory.max'), '33554432')
  assert.equal(show('MemoryMax'), '33554432')
  podman.succeed('stop', '--time', '1', 'box')
  podman.succeed('rm', 'box')
  assert.equal(show('LoadState'), 'not-found')
})
