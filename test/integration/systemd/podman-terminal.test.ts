/** podman on a host with systemd: terminals, kill, and the steps of a build. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Podman, withoutNetwork } from './podman.ts'

const podman = new Podman()
after(() => podman[Symbol.dispose]())

test('run -it and exec -it: a terminal; kill', () => {
  podman.succeed('run', ...withoutNetwork, '--detach', '--name', 'life', 'box', 'sleep', '1000')
  for (const words of [
    ['run', ...withoutNetwork, '-it', '--rm', 'box'],
    ['exec', '-it', 'life'],
  ]) {
    const { status, stdout } = podman.callInTerminal(...words, 'sh', '-c', 'tty; exit 3')
    assert.equal(status, 3, stdout)
    assert.match(stdout, /\/dev\/pts\/0/)
  }
  podman.succeed('kill', 'life')
  assert.equal(podman.succeed('wait', 'life'), '137')
  podman.succeed('rm', 'life')
})

test('build: a step runs in a cgroup of its own', () => {
  const file = join(podman.directory, 'Containerfile')
  writeFileSync(file, 'FROM localhost/box\nRUN cat /proc/self/cgroup >/built\n')
  podman.succeed('build', ...withoutNetwork, '--tag', 'built', '--file', file, podman.directory)
  assert.equal(podman.succeed('run', ...withoutNetwork, '--rm', 'built', 'cat', '/built'), '0::/')
})
