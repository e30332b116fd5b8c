/** `checkpoint` and `restore`, with criu: in a kernel that Debian's criu knows (test/runner/kernel.ts). */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RuntimeSpec } from '../../../src/spec/runtime.ts'
import { listenForConsole, readTerminal } from '../oci/console-socket.ts'
import { Playground } from '../oci/runtime.ts'

/**
 * Counts in its memory, says in a file of the host how far it is, and ends with a status of its own when told to. While
 * it is held it has no file open: criu restores an open file only where it is as it was.
 */
const COUNTING = `i=0
while [ ! -e /out/stop ]; do
  i=$((i+1)); echo $i >/out/new; mv /out/new /out/count
  if [ -e /out/hold ]; then mkdir /out/held; while [ -e /out/hold ]; do sleep 0.1; done; fi
  sleep 0.1
done
echo counted; exit 7`

class Counter {
  readonly ground: Playground
  readonly images: string

  constructor(t: TestContext, edit: (spec: RuntimeSpec, bundle: string) => void = () => undefined) {
    this.ground = new Playground(t)
    this.images = join(this.ground.directory, 'images')
    for (const name of ['mkdir', 'mv']) symlinkSync('busybox', join(this.ground.bundle, 'rootfs/bin', name))
    this.ground.configure(['sh', '-c', COUNTING], spec => {
      spec.mounts!.push({ destination: '/out', type: 'bind', source: this.ground.directory, options: ['bind', 'rw'] })
      spec.linux!.resources = { ...spec.linux!.resources, pids: { limit: 33 } }
      edit(spec, this.ground.bundle)
    })
  }

  get count(): number {
    return Number(readFileSync(join(this.ground.directory, 'count'), 'utf8'))
  }

  async start(): Promise<string> {
    const id = await this.ground.create()
    await this.ground.succeed(['start', id])
    await this.reach(2)
    return id
  }

  /** Waits until it has counted that far. */
  async reach(goal: number): Promise<void> {
    for (let attempt = 0; attempt < 1200; attempt++) {
      if (existsSync(join(this.ground.directory, 'count')) && this.count >= goal) return
      await sleep(50)
    }
    assert.fail(`it did not count to ${goal} within 60 s`)
  }

  /** Returns when it counts no more. */
  async hold(): Promise<void> {
    mkdirSync(join(this.ground.directory, 'hold'))
    for (let attempt = 0; attempt < 1200; attempt++) {
      if (existsSync(join(this.ground.directory, 'held'))) return
      await sleep(50)
    }
    assert.fail('it counted on for 60 s')
  }

  release(): void {
    for (const name of ['held', 'hold']) rmdirSync(join(this.ground.directory, name))
  }
}

test('a container is checkpointed, gone, and goes on where it was when it is restored', async t => {
  const counter = new Counter(t)
  const { ground, images } = counter
  const id = await counter.start()
  await counter.hold()
  await ground.succeed(['checkpoint', '--image-path', images, id])
  counter.release()
  const reached = counter.count
  assert.equal((await ground.call(['state', id])).status, 1)

  const pidFile = join(ground.directory, 'pid')
  writeFileSync(join(ground.directory, 'count'), '0\n')
  await ground.succeed(['restore', '-d', '--image-path', images, '-b', ground.bundle, '--pid-file', pidFile, id])
  await counter.reach(reached) // from 0 it would begin anew, and take as long as before
  const { status, pid } = await ground.state(id)
  assert.deepEqual([status, readFileSync(pidFile, 'utf8')], ['running', String(pid)])
  const cgroup = `/sys/fs/cgroup${/^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))![1]}`
  assert.match(readFileSync(join(cgroup, 'cgroup.procs'), 'utf8'), new RegExp(`^${pid}$`, 'm'))
  assert.equal(readFileSync(join(cgroup, 'pids.max'), 'utf8'), '33\n')
  const seen = await ground.succeed(['exec', id, 'cat', '/proc/1/comm', '/proc/1/cgroup'])
  assert.equal(seen.stdout, 'sh\n0::/\n')
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(ground.bundle), 'a mount of the host')
  await ground.succeed(['delete', '--force', id])
  assert.ok(!existsSync(cgroup))
})

test('--pre-dump and --leave-running let it run; what follows names its parent, and has what changed since', async t => {
  const counter = new Counter(t)
  const { ground, images } = counter
  const id = await counter.start()
  const earlier = join(ground.directory, 'earlier')
  await ground.succeed(['checkpoint', '--pre-dump', '--image-path', earlier, id])
  await counter.reach(counter.count + 2)
  await counter.hold()
  assert.equal((await ground.state(id)).status, 'running')
  const flags = ['--parent-path', '../earlier', '--image-path', images, '--work-path', ground.directory]
  await ground.succeed(['checkpoint', '--leave-running', ...flags, id])
  assert.ok(existsSync(join(images, 'parent')) && existsSync(join(ground.directory, 'dump.log')))
  const reached = counter.count
  counter.release()
  await counter.reach(reached + 2)
  await ground.succeed(['delete', '--force', id])

  // In the foreground, under another name, with streams of its own and a root file system that has run nothing yet.
  rmdirSync(join(ground.bundle, 'rootfs/out'))
  writeFileSync(join(ground.directory, 'count'), '0\n')
  const restored = ground.call(['restore', '--image-path', images, '-b', ground.bundle, ground.newId()])
  await counter.reach(reached + 3)
  writeFileSync(join(ground.directory, 'stop'), '')
  const { status, stdout, stderr } = await restored
  assert.deepEqual([status, stdout], [7, 'counted\n'], stderr)
})

test('a restored terminal arrives at the console socket', async t => {
  const ground = new Playground(t)
  const images = join(ground.directory, 'images')
  ground.configure(['sh', '-c', 'while read line; do echo "got $line"; done'], spec => {
    spec.process!.terminal = true
  })
  await using first = await listenForConsole(join(ground.directory, 'first.sock'))
  const id = await ground.create(['--console-socket', first.path])
  const master = await first.receive()
  await ground.succeed(['start', id])
  await ground.succeed(['checkpoint', '--image-path', images, id])
  closeSync(master)

  await using second = await listenForConsole(join(ground.directory, 'second.sock'))
  const words = ['restore', '-d', '--image-path', images, '-b', ground.bundle, '--console-socket', second.path, id]
  await ground.succeed(words)
  const restored = await second.receive()
  writeSync(restored, 'hello\n')
  assert.match(await readTerminal(restored, /got hello\r?\n/), /got hello/)
})

test('what criu refuses is said in its words, with the path of its log, and the container runs on', async t => {
  const ground = new Playground(t)
  const images = join(ground.directory, 'images')
  const script = 'exec 5>/out/a; busybox ln /out/a /out/b; busybox rm /out/a; echo >/out/ready; exec sleep 1000'
  ground.configure(['sh', '-c', script], spec => {
    spec.mounts!.push({ destination: '/out', type: 'bind', source: ground.directory, options: ['bind', 'rw'] })
  })
  const id = await ground.create()
  await ground.succeed(['start', id])
  for (let attempt = 0; attempt < 600 && !existsSync(join(ground.directory, 'ready')); attempt++) await sleep(50)
  const refused = await ground.call(['checkpoint', '--image-path', images, id])
  assert.equal(refused.status, 1)
  const message = new RegExp(`checkpoint container ${id}: criu: .*Error .*link remap.* \\(log: ${images}/dump.log\\)`)
  assert.match(refused.stderr, message)
  assert.equal((await ground.state(id)).status, 'running')
  await ground.succeed(['checkpoint', '--link-remap', '--image-path', images, id])
})

test('--page-server sends the memory elsewhere; org.criu.config names more options of criu', async t => {
  const counter = new Counter(t, (spec, bundle) => {
    spec.annotations = { 'org.criu.config': join(bundle, 'criu.conf') }
  })
  const { ground, images } = counter
  writeFileSync(join(ground.bundle, 'criu.conf'), 'log-file=of-the-config.log\n')
  const elsewhere = join(ground.directory, 'elsewhere')
  mkdirSync(elsewhere)
  const server = spawn('criu', ['page-server', '--images-dir', elsewhere, '--address', '127.0.0.1', '--port', '27277'])
  t.after(() => server.kill('SIGKILL'))
  const id = await counter.start()
  await counter.hold()
  await ground.succeed(['checkpoint', '--page-server', '127.0.0.1:27277', '--image-path', images, id])
  const pages = (directory: string): string[] => readdirSync(directory).filter(name => /^pages-\d+\.img$/.test(name))
  assert.deepEqual([pages(images), pages(elsewhere).length > 0], [[], true])
  assert.ok(existsSync(join(images, 'of-the-config.log')))
})
