/** config.md, "POSIX-platform Hooks", and runtime.md, "Lifecycle": when hooks are called, and what their failure does. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Hook, Hooks } from '../../src/spec/runtime.ts'
import { isOurs, Playground } from '../integration/oci/runtime.ts'

interface Called {
  readonly hook: string
  readonly state: { readonly status: string; readonly pid?: number; readonly id: string; readonly bundle: string }
}

/** A bundle whose hooks write down that they were called, in this order, and with which state. */
class HookedGround extends Playground {
  readonly #log = join(this.directory, 'log')

  constructor(t: TestContext) {
    super(t)
    const script = (directory: string, shell: string): string =>
      `#!${shell}\nread -r state\necho "$1 $state" >>${directory}/log\nexit \${2:-0}\n`
    writeFileSync(join(this.directory, 'hook'), script(this.directory, '/bin/sh'), { mode: 0o755 })
    writeFileSync(join(this.bundle, 'rootfs/bin/hook'), script('/out', '/bin/sh'), { mode: 0o755 })
  }

  hook(name: string, exitStatus = 0): Hook {
    const path = name.startsWith('startContainer') ? '/bin/hook' : join(this.directory, 'hook')
    return { path, args: ['hook', name, String(exitStatus)] }
  }

  prepare(hooks: Hooks, args = ['sleep', '1000']): void {
    this.configure(args, spec => {
      spec.hooks = hooks
      spec.mounts!.push({ destination: '/out', type: 'bind', source: this.directory, options: ['bind'] })
    })
  }

  called(): Called[] {
    if (!existsSync(this.#log)) return []
    const lines = readFileSync(this.#log, 'utf8').trim().split('\n')
    return lines.map(line => {
      const [, hook = '', state = ''] = /^(\S+) (.*)$/.exec(line) ?? []
      return { hook, state: JSON.parse(state) as Called['state'] }
    })
  }

  names(): string[] {
    return this.called().map(({ hook }) => hook)
  }
}

test('each kind at its moment, in the listed order, with the state of that moment on standard input', async t => {
  const ground = new HookedGround(t)
  // Without poststart on runc: 1.1 calls it in create.
  const poststart = isOurs ? (['poststart'] as const) : []
  const kinds = ['prestart', 'createRuntime', 'createContainer', 'startContainer', ...poststart, 'poststop'] as const
  ground.prepare(
    Object.fromEntries(kinds.map(kind => [kind, [ground.hook(`${kind}-1`), ground.hook(`${kind}-2`)]])) as Hooks,
  )
  const upTo = (last: number): string[] => kinds.slice(0, last).flatMap(kind => [`${kind}-1`, `${kind}-2`])

  const id = await ground.create()
  assert.deepEqual(ground.names(), upTo(3))
  const { pid } = await ground.state(id)
  await ground.succeed(['start', id])
  assert.deepEqual(ground.names(), upTo(kinds.length - 1))
  await ground.succeed(['kill', id, 'KILL'])
  await ground.waitFor(id, 'stopped')
  assert.deepEqual(ground.names(), upTo(kinds.length - 1))
  await ground.succeed(['delete', id])
  assert.deepEqual(ground.names(), upTo(kinds.length))

  const first = ground.called().filter(({ hook }) => hook.endsWith('-1'))
  assert.deepEqual(
    first.map(({ state }) => state.status),
    ['creating', 'creating', 'creating', 'created', ...poststart.map(() => 'running'), 'stopped'],
  )
  // Those in the container's namespaces see its PID as the container does.
  assert.deepEqual(
    first.slice(0, -1).map(({ state }) => state.pid),
    [pid, pid, 1, 1, ...poststart.map(() => pid)],
  )
  for (const { state } of first) assert.deepEqual([state.id, state.bundle], [id, ground.bundle])
})

for (const kind of ['prestart', 'createRuntime', 'createContainer'] as const)
  test(`a ${kind} hook that fails is an error: no container is left, and the poststop hooks are called`, async t => {
    const ground = new HookedGround(t)
    ground.prepare({
      [kind]: [ground.hook(`${kind}-1`, 3), ground.hook(`${kind}-2`)],
      poststop: [ground.hook('poststop')],
    })
    const id = ground.newId()
    assert.equal((await ground.call(['create', '--bundle', ground.bundle, id])).status, 1)
    assert.equal((await ground.call(['state', id])).status, 1)
    assert.deepEqual(ground.names(), [`${kind}-1`, 'poststop'])
  })

test('a startContainer hook that fails stops the container before its command runs', async t => {
  const ground = new HookedGround(t)
  ground.prepare({ startContainer: [ground.hook('startContainer', 3)], poststop: [ground.hook('poststop')] }, [
    'sh',
    '-c',
    'echo ran >/out/ran',
  ])
  const id = await ground.create()
  const { status } = await ground.call(['start', id])
  if (isOurs) assert.equal(status, 1) // runc's start does not wait for the command
  await ground.waitFor(id, 'stopped')
  assert.ok(!existsSync(join(ground.directory, 'ran')))
  await ground.succeed(['delete', id])
  assert.deepEqual(ground.names(), ['startContainer', 'poststop'])
})

const runcCallsPoststartInCreate = isOurs ? false : 'runc 1.1 calls poststart in create'

test('a poststart hook that fails is an error of start and stops the container', {
  skip: runcCallsPoststartInCreate,
}, async t => {
  const ground = new HookedGround(t)
  ground.prepare({ poststart: [ground.hook('poststart', 3)], poststop: [ground.hook('poststop')] })
  const id = await ground.create()
  assert.equal((await ground.call(['start', id])).status, 1)
  await ground.waitFor(id, 'stopped')
  await ground.succeed(['delete', id])
  assert.deepEqual(ground.names(), ['poststart', 'poststop'])
})

test('a poststop hook that fails is a warning: the others are called, and the container is deleted', async t => {
  const ground = new HookedGround(t)
  ground.prepare({ poststop: [ground.hook('poststop-1', 3), ground.hook('poststop-2')] })
  const id = await ground.create()
  const { stderr } = await ground.succeed(['delete', '--force', id])
  assert.match(stderr, isOurs ? /level=warning/ : /level=error/)
  assert.equal((await ground.call(['state', id])).status, 1)
  if (isOurs) assert.deepEqual(ground.names(), ['poststop-1', 'poststop-2']) // runc stops at the first
})
