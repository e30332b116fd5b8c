/** The whole path with a real image: pushed by skopeo, pulled over HTTP, run with limits, removed. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openWorkplace, type Workplace } from '../../support/command-line.ts'
import { debianRoot } from '../../support/debian-root.ts'
import { buildImage, pushImage } from '../../support/image-builder.ts'
import { startRegistry, type TestRegistry } from '../../support/registry.ts'

describe('an image of a Debian root', () => {
  let registry: TestRegistry
  let workplace: Workplace
  let image: string

  before(async () => {
    registry = await startRegistry()
    workplace = openWorkplace()
    image = `${registry.host}/debian:test`
    const layout = join(workplace.directory, 'layout')
    mkdirSync(layout)
    await buildImage({ dir: layout, layers: [readFileSync(await debianRoot())] })
    await pushImage(layout, image)
    const pulled = await workplace.utsuwa('pull', image)
    assert.equal(pulled.exitCode, 0, pulled.stderr)
  })

  after(async () => {
    await registry[Symbol.asyncDispose]()
    workplace[Symbol.dispose]()
  })

  it('runs a command and gives back its status', async () => {
    const script = 'cat /etc/debian_version; id; hostname; exit 7'
    const result = await workplace.utsuwa('run', '--rm', '--hostname', 'vessel', image, 'bash', '-c', script)
    assert.equal(result.exitCode, 7, result.stderr)
    assert.match(result.stdout, /^12\.\d+\nuid=0\(root\) gid=0\(root\) groups=0\(root\)\nvessel\n$/)
  })

  it('says that memory.max of the container was hit when the kernel kills for it', async () => {
    const result = await workplace.utsuwa(
      'run',
      '--rm',
      '-m',
      '64m',
      image,
      'dd',
      'if=/dev/zero',
      'of=/dev/null',
      'bs=200M',
      'count=1',
    )
    assert.equal(result.exitCode, 137, result.stderr)
    assert.match(result.stderr, /memory\.max \(64 MiB\) of this container was hit/)
  })

  it('holds a busy loop to half a CPU', async () => {
    // cpu.stat counts all of the container; $SECONDS is wall time.
    const script = 'while [ $SECONDS -lt 5 ]; do :; done; grep usage_usec /sys/fs/cgroup/cpu.stat; cat /proc/uptime'
    const start = performance.now()
    const result = await workplace.utsuwa('run', '--rm', '--cpus', '0.5', image, 'bash', '-c', script)
    const wallSeconds = (performance.now() - start) / 1000
    assert.equal(result.exitCode, 0, result.stderr)
    const used = Number(/usage_usec (\d+)/.exec(result.stdout)![1]) / 1e6
    assert.ok(used / 5 > 0.4 && used / wallSeconds < 0.55, `${used} s of CPU in ${wallSeconds} s`)
  })

  it('stops a fork bomb', async () => {
    // Bounded: at most 40 children that sleep a moment; the limit is 16.
    const script = 'for i in $(seq 40); do sleep 2 & done; cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids.events; wait'
    const result = await workplace.utsuwa('run', '--rm', '--pids-limit', '16', image, 'bash', '-c', script)
    assert.match(result.stderr, /fork: (retry: )?Resource temporarily unavailable/)
  })

  it('runs as a user of the image, in a directory, with an environment, read-only', async () => {
    const script = 'id -un; pwd; echo $FOO; touch /x'
    const result = await workplace.utsuwa(
      'run',
      '--rm',
      '-u',
      'nobody',
      '-w',
      '/tmp',
      '-e',
      'FOO=bar',
      '--read-only',
      image,
      'sh',
      '-c',
      script,
    )
    assert.equal(result.stdout, 'nobody\n/tmp\nbar\n')
    assert.match(result.stderr, /Read-only file system/)
    assert.equal(result.exitCode, 1)
  })

  it('is listed, and removed with its layers', async () => {
    assert.match((await workplace.utsuwa('images')).stdout, /debian\s+test/)
    assert.equal((await workplace.utsuwa('rmi', image)).exitCode, 0)
    assert.doesNotMatch((await workplace.utsuwa('images')).stdout, /debian/)
  })
})
