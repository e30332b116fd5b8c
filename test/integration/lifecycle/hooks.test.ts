/** Hooks of config.json: where they run, what they read, and what their failure does. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { defaultBundleSpec } from '../../../src/cli/oci/default-spec.ts'
import type { RuntimeSpec } from '../../../src/index.ts'
import type { Hooks } from '../../../src/spec/runtime.ts'
import { makeSandbox } from '../../support/busybox-root.ts'
import { children, runPrinting } from './support.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())
const { scratch, rootfs } = sandbox

function specOf(hooks: Hooks, script = 'true'): RuntimeSpec {
  const spec = defaultBundleSpec()
  return {
    ...spec,
    process: { ...spec.process!, terminal: false, args: ['/bin/sh', '-c', script] },
    root: { path: rootfs },
    hooks,
    annotations: { purpose: 'test' },
  }
}

/** A hook that keeps the state it reads, and the namespaces and environment it runs in. */
function recordingHook(name: string, place = scratch) {
  const path = join(scratch, name)
  const record = `cat > ${place}/${name}.state; readlink /proc/self/ns/mnt /proc/self/ns/pid > ${place}/${name}.ns; env > ${place}/${name}.env; echo $0 $* > ${place}/${name}.args`
  writeFileSync(path, `#!/bin/sh\n${record}\n`, { mode: 0o755 })
  return { path, args: [name, 'x y'], env: ['A=1'], timeout: 10 }
}

const read = (file: string) => readFileSync(join(scratch, file), 'utf8')

test('createRuntime outside and createContainer inside get the state on stdin, their own arguments and environment', async () => {
  const hooks = { createRuntime: [recordingHook('outside')], createContainer: [recordingHook('inside')] }
  await runPrinting(sandbox, [], { spec: specOf(hooks) })
  const outside = JSON.parse(read('outside.state'))
  const inside = JSON.parse(read('inside.state'))
  assert.equal(outside.status, 'creating')
  assert.equal(inside.status, 'creating')
  for (const state of [outside, inside]) {
    assert.match(state.id, /^[0-9a-f]{64}$/)
    assert.equal(state.bundle, process.cwd())
    assert.deepEqual(state.annotations, { purpose: 'test' })
  }
  assert.ok(outside.pid > 1)
  assert.equal(inside.pid, 1) // as those in the PID namespace see it
  for (const name of ['outside', 'inside']) {
    assert.match(read(`${name}.env`), /^A=1$/m)
    assert.doesNotMatch(read(`${name}.env`), /^HOME=/m)
  }
  assert.notEqual(read('inside.ns').split('\n')[0], read('outside.ns').split('\n')[0])
})

test('startContainer runs in the container, between the start and the command', async () => {
  writeFileSync(join(rootfs, 'bin/late'), '#!/bin/sh\ncat > /tmp/state; pwd > /tmp/where\n', { mode: 0o755 })
  const spec = specOf({ startContainer: [{ path: '/bin/late' }] }, 'cat /tmp/where; cat /tmp/state')
  const { stdout } = await runPrinting(sandbox, [], { spec: { ...spec, root: { path: rootfs, readonly: false } } })
  const [where, ...state] = stdout.split('\n')
  assert.equal(where, '/')
  assert.match(JSON.parse(state.join('\n')).status, /^created$/)
})

for (const kind of ['createRuntime', 'createContainer'] as const) {
  test(`a ${kind} hook that fails ends the creation; what it said is told`, async () => {
    const path = join(scratch, `failing-${kind}`)
    writeFileSync(path, '#!/bin/sh\necho no disk left >&2\nexit 3\n', { mode: 0o755 })
    await assert.rejects(runPrinting(sandbox, [], { spec: specOf({ [kind]: [{ path }] }) }), {
      code: 'HOOK_FAILED',
      message: /exit status 3/,
      configPointer: `/hooks/${kind}/0`,
    })
    assert.deepEqual(children(), [])
  })

  test(`a ${kind} hook that takes longer than its timeout is killed`, async () => {
    const started = performance.now()
    const hook = { path: '/bin/sleep', args: ['sleep', '100'], timeout: 1 }
    await assert.rejects(runPrinting(sandbox, [], { spec: specOf({ [kind]: [hook] }) }), {
      configPointer: `/hooks/${kind}/0`,
    })
    assert.ok(performance.now() - started < 10_000)
    assert.deepEqual(children(), [])
  })
}

test('a hook that does not read its state is no failure', async () => {
  const hooks = { createRuntime: [{ path: '/bin/true' }], createContainer: [{ path: '/bin/true' }] }
  assert.equal((await runPrinting(sandbox, [], { spec: specOf(hooks) })).result.exitCode, 0)
})

test('an init that is killed while a hook runs: the error says by what', async () => {
  const path = join(scratch, 'killing')
  writeFileSync(path, `#!/bin/sh\nkill -KILL $(sed 's/.*"pid":\\([0-9]*\\).*/\\1/'); sleep 0.2\n`, { mode: 0o755 })
  const hooks = { createRuntime: [{ path, env: [`PATH=${process.env.PATH}`] }] }
  await assert.rejects(runPrinting(sandbox, [], { spec: specOf(hooks) }), {
    code: 'INIT_FAILED',
    message: 'init was killed before the container was ready (killed by SIGKILL)',
  })
  assert.deepEqual(children(), [])
})
