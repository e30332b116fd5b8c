/**
 * Whoever is killed leaves nothing that utsuwa does not list: `utsuwa run --rm` many times in a row, every tenth killed
 * by SIGKILL at a random moment, then one `ps -a`, and `rm` of what it lists. RUNS in the environment says how many.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeBusyboxRoot, openWorkplace, utsuwaPath } from '../../support/command-line.ts'
import { buildBusyboxImage, pushImage } from '../../support/image-builder.ts'
import { startRegistry } from '../../support/registry.ts'

const RUNS = Number(process.env.RUNS ?? 30)
const KILL_EVERY = 10
/** Longer than a run takes here, so that the kill may come before, during and after it. */
const KILL_WITHIN_MS = 3000

const CGROUPS = '/sys/fs/cgroup/utsuwa'

const containerCgroups = (): string[] =>
  existsSync(CGROUPS)
    ? readdirSync(CGROUPS, { withFileTypes: true })
        .filter(entry => entry.isDirectory())
        .map(entry => entry.name)
    : []

/** Inodes of the network namespaces that processes are in. */
function networkNamespaces(): Set<string> {
  const found = new Set<string>()
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    try {
      found.add(readlinkSync(`/proc/${pid}/ns/net`))
    } catch {
      // It has just ended.
    }
  }
  return found
}

async function killedRun(args: readonly string[]): Promise<void> {
  const child = spawn(utsuwaPath, args, { stdio: 'ignore' })
  const ended = new Promise(resolve => child.once('exit', resolve))
  await sleep(Math.random() * KILL_WITHIN_MS)
  child.kill('SIGKILL')
  await ended
}

test(`${RUNS} runs of an image and a directory, every tenth killed, leave nothing behind`, {
  timeout: 1_200_000,
}, async () => {
  await using registry = await startRegistry()
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  const layout = join(workplace.directory, 'layout')
  await buildBusyboxImage({ dir: layout })
  const image = `${registry.host}/busybox:test`
  await pushImage(layout, image)
  assert.equal((await workplace.utsuwa('pull', image)).exitCode, 0)
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
  const namespaces = networkNamespaces()
  assert.deepEqual(containerCgroups(), [], 'others have left them')

  for (let run = 1; run <= RUNS; run++) {
    const source = run % 2 === 0 ? [image] : ['--rootfs', rootfs]
    const args = ['run', '--rm', ...source, 'sh', '-c', 'exit 3']
    if (run % KILL_EVERY === 0) await killedRun(workplace.argv(...args))
    else {
      const { exitCode, stderr } = await workplace.utsuwa(...args)
      assert.equal(exitCode, 3, `run ${run}: ${stderr}`)
    }
  }
  const listed = await workplace.utsuwa('ps', '-a', '-q')
  for (const id of listed.stdout.split('\n').filter(Boolean))
    assert.equal((await workplace.utsuwa('rm', id)).exitCode, 0, id)

  assert.deepEqual(readdirSync(join(workplace.runRoot, 'containers')), [])
  assert.deepEqual(readdirSync(join(workplace.directory, 'store/containers')), [])
  assert.deepEqual(containerCgroups(), [])
  assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), mounts)
  assert.deepEqual(networkNamespaces(), namespaces)
})
