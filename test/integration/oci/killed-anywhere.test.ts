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
import { readProcessStat } from '../../../src/runtime/state/status.ts'
import { isOurs, Playground, RUNTIME } from './runtime.ts'

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

/** The nth call of one kind. */
interface Call {
  readonly name: string
  readonly n: number
}

const strace = (...words: string[]): readonly string[] => ['-qqq', '-e', ...words]

/**
 * The calls of a command in their order, without those by which Node starts its threads. Only its main thread is traced:
 * the engine's verbs make their calls there, and a container must not be traced, or it would be killed instead.
 */
async function callsOf(words: readonly string[], cwd: string): Promise<Call[]> {
  const output = join(cwd, 'trace')
  const options = strace(`trace=${effects.join(',')}`, '-o', output)
  await once(spawn('strace', [...options, RUNTIME, ...words], { stdio: 'ignore', cwd }), 'exit')
  const names = readFileSync(output, 'utf8').match(/^\w+(?=\()/gm) ?? []
  const counts = new Map<string, number>()
  const calls = names.map((name): Call => {
    counts.set(name, (counts.get(name) ?? 0) + 1)
    return { name, n: counts.get(name)! }
  })
  return calls.slice(calls.findIndex(({ name }) => name === 'mkdir' || name === 'flock'))
}

/** Runs a command that one of its calls kills (strace counts each kind by itself). False when it did not come to that. */
async function killedAt({ name, n }: Call, words: readonly string[], cwd: string): Promise<boolean> {
  const options = strace(`trace=${name}`, '-e', `inject=${name}:signal=SIGKILL:when=${n}`, '-o', '/dev/null')
  const child = spawn('strace', [...options, RUNTIME, ...words], { stdio: 'ignore', cwd })
  const [status, signal] = (await once(child, 'exit')) as [number | null, string | null]
  return signal !== null || status === 137
}

/** Living processes of a container: init, or what it became. Who reaps an orphan is not ours to say. */
function containerProcesses(id: string): string[] {
  return readdirSync('/proc').filter(pid => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return (
        readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(id) &&
        !/[ZX]/.test(readProcessStat(Number(pid))?.state ?? 'X')
      )
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
    skip: !isOurs && 'about the calls of utsuwa; runc promises nothing of the kind',
    timeout: 900_000,
  }, async t => {
    const ground = new Playground(t)
    /** A container in the state that the verb starts from, and the verb's command line. */
    const prepare = async (): Promise<{ id: string; words: string[] }> => {
      const id = ground.newId()
      ground.configure(['sleep', '1000'], spec => {
        spec.linux!.cgroupsPath = `/${id}`
      })
      if (verb !== 'create') await ground.succeed(['create', '-b', ground.bundle, id])
      if (verb === 'delete') await ground.succeed(['start', id])
      const words = { create: ['create', '-b', ground.bundle, id], start: ['start', id], delete: ['delete', '-f', id] }
      return { id, words: ['--root', ground.stateRoot, ...words[verb]] }
    }
    const traced = await prepare()
    const calls = await callsOf(traced.words, ground.directory)
    await assertGone(ground, traced.id, `${verb} traced`)
    let kills = 0
    for (const call of calls) {
      const { id, words } = await prepare()
      if (await killedAt(call, words, ground.directory)) kills++
      await assertGone(ground, id, `${verb} killed at ${call.name} ${call.n}`)
    }
    // A call that only some runs make, such as waiting for a lock, may not come again.
    assert.ok(kills >= 5 && kills >= calls.length * 0.8, `killed ${kills} times at ${calls.length} calls`)
    t.diagnostic(`${kills} kills`)
  })
