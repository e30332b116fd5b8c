/**
 * create, start and delete, with the caller killed by SIGKILL at each of its system calls that change something, one
 * after the other (strace counts and kills). Whatever is left must be something that `delete --force` finds and removes:
 * no process, no cgroup, no directory remains.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readCgroupHierarchy } from '../../../src/cgroup/hierarchy.ts'
import { readProcessStat } from '../../../src/lifecycle/status.ts'
import { Playground, RUNTIME } from './runtime.ts'

/** Calls by which a caller changes something outside of itself. Between two of them a kill changes nothing more. */
const effects = [
  ...[
    'mkdir',
    'mkdirat',
    'rename',
    'renameat',
    'renameat2',
    'unlink',
    'unlinkat',
    'rmdir',
    'symlink',
    'write',
    'pwrite64',
  ],
  ...['flock', 'socket', 'socketpair', 'bind', 'listen', 'connect', 'sendmsg', 'recvmsg', 'memfd_create', 'bpf'],
  ...['clone3', 'execve', 'pidfd_open', 'pidfd_send_signal', 'kill', 'waitid', 'fsopen', 'open_tree', 'move_mount'],
]

/** More of one call than any of the commands makes. */
const MOST_CALLS = 60

/**
 * Runs a command that its nth call of one kind kills (strace counts each kind by itself). False when it ended before its nth call. Only its main thread is
 * traced: the engine's verbs make their calls there, and a container must not be traced, or it would be killed instead.
 */
async function killedAt(call: string, n: number, words: readonly string[], cwd: string): Promise<boolean> {
  const inject = `inject=${call}:signal=SIGKILL:when=${n}`
  const options = ['-qqq', '-e', `trace=${call}`, '-e', inject, '-o', '/dev/null']
  const child = spawn('strace', [...options, RUNTIME, ...words], { stdio: 'ignore', cwd })
  const [status, signal] = (await once(child, 'exit')) as [number | null, string | null]
  return signal !== null || status === 137
}

/** Living processes of a container: init, or what it became. Who reaps an orphan is not ours to say. */
function containerProcesses(id: string): string[] {
  return readdirSync('/proc').filter(pid => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(id) && readProcessStat(Number(pid))?.state !== 'Z'
    } catch {
      return false // it has just ended
    }
  })
}

function cgroupOf(id: string): string {
  return join(readCgroupHierarchy().mountHostPath!, id)
}

async function assertGone(ground: Playground, id: string, context: string): Promise<void> {
  const deleted = await ground.call(['delete', '--force', id])
  assert.equal(deleted.status, 0, `${context}: ${deleted.stderr}`)
  assert.deepEqual(containerProcesses(id), [], context)
  assert.equal(existsSync(cgroupOf(id)), false, `${context}: cgroup`)
  assert.equal(existsSync(join(ground.stateRoot, id)), false, `${context}: directory`)
}

for (const verb of ['create', 'start', 'delete'] as const)
  test(`${verb} killed at any of its calls leaves nothing that delete does not remove`, {
    timeout: 900_000,
  }, async t => {
    const ground = new Playground(t)
    let kills = 0
    for (const call of effects)
      for (let n = 1; n <= MOST_CALLS; n++) {
        const id = ground.newId()
        ground.configure(['sleep', '1000'], spec => {
          spec.linux!.cgroupsPath = `/${id}`
        })
        if (verb !== 'create') await ground.succeed(['create', '-b', ground.bundle, id])
        if (verb === 'delete') await ground.succeed(['start', id])
        const words = {
          create: ['create', '-b', ground.bundle, id],
          start: ['start', id],
          delete: ['delete', '-f', id],
        }
        const killed = await killedAt(call, n, ['--root', ground.stateRoot, ...words[verb]], ground.directory)
        await assertGone(ground, id, `${verb} killed at ${call} ${n}`)
        if (!killed) break
        kills++
      }
    assert.ok(kills >= 8, `killed ${kills} times`)
    t.diagnostic(`${kills} kills`)
  })
