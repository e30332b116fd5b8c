/** An AbortSignal at any moment is an abort, whatever it has killed; so is the end of a container the end of a container. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readCgroupHierarchy } from '../../../src/cgroup/hierarchy.ts'
import {
  type Container,
  type CreateOptions,
  create,
  followJournal,
  isUtsuwaError,
  type RuntimeSpec,
  run,
  waitForContainer,
} from '../../../src/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'
import { children, openDescriptors } from './support.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())
const { rootfs, runRoot } = sandbox

/** In several tests, each short enough for a machine that is busy. */
const SEEDS = [1, 2, 3, 4]
const RUNS = 50
const LATEST_MS = 30
const PARALLEL = 4
const PROMPT_MS = 1000
const HOSTNAME_LENGTH = 12

const reason = new Error('enough')

/** The same sequence each time, from 0 to 1: a linear congruential generator. */
function randomly(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** Beginnings of ids: containers of others may come and go beside these. */
const hostnames = new Set<string>()
const editSpec = (spec: RuntimeSpec): RuntimeSpec => {
  hostnames.add(spec.hostname!)
  return spec
}

function box(options: CreateOptions = {}): Promise<Container> {
  return create({ rootfs, runRoot, args: ['sleep', '100'], stdio: 'ignore', editSpec, ...options })
}

async function startedBox(options: CreateOptions = {}): Promise<Container> {
  const container = await box(options)
  await container.start()
  return container
}

function holdings() {
  const cgroups = join(readCgroupHierarchy().mountHostPath!, 'utsuwa')
  return {
    containers: readdirSync(join(runRoot, 'containers')),
    cgroups: readdirSync(cgroups).filter(name => hostnames.has(name.slice(0, HOSTNAME_LENGTH))).length,
    descriptors: openDescriptors(),
    children: children().length,
    mounts: readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length,
  }
}

/** Undefined for a success, else what it was rejected with. */
async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
    return undefined
  } catch (error) {
    return error
  }
}

const describe = (error: unknown): string => (isUtsuwaError(error) ? `${error.code}: ${error.message}` : String(error))

/** That a call ends soon after its signal has fired, with ABORTED and the reason. */
async function abortsPromptly(call: (signal: AbortSignal) => Promise<unknown>, afterMs = 100): Promise<void> {
  const controller = new AbortController()
  const failing = failureOf(call(controller.signal))
  await sleep(afterMs)
  const begin = performance.now()
  controller.abort(reason)
  const error = await failing
  assert.ok(isUtsuwaError(error, 'ABORTED'), describe(error))
  assert.equal(error.cause, reason)
  assert.ok(performance.now() - begin < PROMPT_MS, `${performance.now() - begin} ms`)
  assert.ok(isUtsuwaError(await failureOf(call(AbortSignal.abort(reason))), 'ABORTED'), 'fired before')
}

before(async () => {
  await run({ rootfs, runRoot, args: ['true'], stdio: 'pipe' })
  const warm = await startedBox()
  await warm.exec(['true'], { stdio: 'ignore' })
  await warm.events()[Symbol.asyncDispose]()
  await warm.delete()
})

for (const seed of SEEDS)
  test(`${RUNS} runs that are aborted at any moment: each has its result or ABORTED, and nothing is left (seed ${seed})`, async t => {
    const random = randomly(seed)
    const held = holdings()
    let aborted = 0
    let left = RUNS
    const worker = async (): Promise<void> => {
      while (left-- > 0) {
        const controller = new AbortController()
        const timer = setTimeout(() => controller.abort(reason), random() * LATEST_MS)
        const failure = await failureOf(
          run({ rootfs, runRoot, args: ['sleep', '0.01'], stdio: 'pipe', signal: controller.signal, editSpec }),
        )
        clearTimeout(timer)
        if (failure === undefined) continue
        aborted++
        assert.ok(isUtsuwaError(failure, 'ABORTED'), describe(failure))
        assert.equal(failure.cause, reason)
      }
    }
    await Promise.all(Array.from({ length: PARALLEL }, worker))
    t.diagnostic(`${aborted} were aborted`)
    assert.ok(aborted > RUNS / 4)
    assert.deepEqual(holdings(), held)
  })

test('starts that are aborted say so', async () => {
  const held = holdings()
  for (let count = 0; count < 20; count++) {
    const controller = new AbortController()
    await using container = await box({ signal: controller.signal })
    controller.abort(reason)
    const failure = await failureOf(container.start())
    assert.ok(isUtsuwaError(failure, 'ABORTED'), describe(failure))
    assert.equal(failure.cause, reason)
  }
  assert.deepEqual(holdings(), held)
})

test('commands that are started while their container is killed: each has its result, or learns of the end', async () => {
  const random = randomly(7)
  const held = holdings()
  const names = new Set<string>()
  for (let round = 0; round < 30; round++) {
    const container = await startedBox({ name: `dying-${round}` })
    const execs = Array.from({ length: 4 }, async () => {
      await sleep(random() * 8)
      return failureOf(container.exec(['true'], { stdio: 'pipe' }))
    })
    await sleep(random() * 8)
    container.kill('SIGKILL')
    for (const failure of await Promise.all(execs)) {
      if (failure === undefined) continue
      assert.ok(isUtsuwaError(failure, 'CONTAINER_NOT_RUNNING'), `round ${round}: ${describe(failure)}`)
      if (failure.cause !== undefined) names.add(failure.operation!)
    }
    await container.delete()
  }
  for (const name of names) assert.match(name, /^exec in container dying-\d+$/)
  assert.deepEqual(holdings(), held)
})

test('the signal of a container ends what is under way in it', async () => {
  const held = holdings()
  const controller = new AbortController()
  await using container = await startedBox({ signal: controller.signal })
  const [command, ended] = [container.exec(['sleep', '100'], { stdio: 'ignore' }), container.wait()].map(failureOf)
  await sleep(100)
  controller.abort(reason)
  for (const failure of await Promise.all([command, ended])) {
    assert.ok(isUtsuwaError(failure, 'ABORTED'), describe(failure))
    assert.equal(failure.cause, reason)
  }
  await container.delete()
  assert.deepEqual(holdings(), held)
})

test('commands, copies and iterations end with their signals, at once, and leave nothing', async () => {
  await using container = await startedBox()
  const held = holdings()
  await abortsPromptly(signal => container.exec(['sleep', '100'], { stdio: 'ignore', signal }))
  await abortsPromptly(signal => container.spawn(['sleep', '100'], { stdio: 'pipe', signal }).then(each => each.wait()))
  await abortsPromptly(signal => container.copyInArchive(silence(), { signal }))
  await abortsPromptly(signal => Array.fromAsync(container.events({ signal })))
  await abortsPromptly(signal => Array.fromAsync(container.samples({ signal })))
  await abortsPromptly(signal => Array.fromAsync(followJournal(runRoot, { signal })))
  await abortsPromptly(signal => waitForContainer(container.id, { runRoot, signal }))
  await sleep(200)
  assert.deepEqual(holdings(), held)
})

test('a hook that does not end is killed with its creation', async () => {
  const hook = join(sandbox.scratch, 'hook')
  writeFileSync(hook, '#!/bin/sh\nexec sleep 100\n', { mode: 0o755 })
  const hooks = { createRuntime: [{ path: hook }] }
  const held = holdings()
  await abortsPromptly(signal => box({ signal, editSpec: spec => editSpec({ ...spec, hooks }) }), 300)
  assert.deepEqual(holdings(), held)
})

/** An archive of which nothing comes. */
async function* silence(): AsyncGenerator<Buffer> {
  await new Promise<never>(() => undefined)
}
