/** What the tests of runtime holes share: containers to change one thing of, programs that attack, and races. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { inspect } from 'node:util'
import { defaultBundleSpec } from '../../src/cli/oci/default-spec.ts'
import { openStdio } from '../../src/engine/streams/stdio.ts'
import { type Container, create, isUtsuwaError, type RuntimeSpec, run } from '../../src/index.ts'
import { exec } from '../../src/runtime/exec.ts'
import { containersDirectory } from '../../src/runtime/state/names.ts'
import type { Mount, Process } from '../../src/spec/runtime.ts'
import { type Printed, runPrinting } from '../integration/lifecycle/support.ts'
import type { Sandbox } from '../support/busybox-root.ts'

/** How often a race is tried; the environment may say otherwise, for a quick look or a thorough one. */
export const TRIES = Number(process.env.RACE_TRIES ?? 1000)

/** Changes a spec in place. */
export type Edit = (spec: RuntimeSpec & Required<Pick<RuntimeSpec, 'process' | 'linux' | 'mounts'>>) => void

/** The spec of `utsuwa-oci spec`, to run `sh -c SCRIPT` in the sandbox's root file system, writable. */
export function specOf(sandbox: Sandbox, script: string, edit: Edit = () => undefined): RuntimeSpec {
  const spec = defaultBundleSpec({ cgroupNamespace: true })
  const process = { ...spec.process!, terminal: false, args: ['/bin/sh', '-c', script] }
  const changed = { ...spec, process, root: { path: sandbox.rootfs }, linux: spec.linux!, mounts: spec.mounts! }
  edit(changed)
  return changed
}

/** The least that races need, so that a thousand starts are quick: new mounts and PIDs, a procfs, `true`. */
export function racingSpec(sandbox: Sandbox, edit: Edit): RuntimeSpec {
  return specOf(sandbox, '', spec => {
    delete spec.hostname
    spec.process.args = ['/bin/true']
    spec.linux.namespaces = [{ type: 'mount' }, { type: 'pid' }]
    spec.linux.maskedPaths = []
    spec.linux.readonlyPaths = []
    spec.mounts = [{ destination: '/proc', type: 'proc', source: 'proc' }]
    edit(spec)
  })
}

export function runSpec(sandbox: Sandbox, script: string, edit?: Edit): Promise<Printed> {
  return runPrinting(sandbox, [], { spec: specOf(sandbox, script, edit) })
}

/** What the container printed, where nothing may go wrong. */
export async function printed(sandbox: Sandbox, script: string, edit?: Edit): Promise<string> {
  const { stdout, stderr, result } = await runSpec(sandbox, script, edit)
  assert.deepEqual({ stderr, exitCode: result.exitCode }, { stderr: '', exitCode: 0 })
  return stdout
}

/** Asserts that the container is not created, or not started, for a reason that matches. */
export async function assertRefused(sandbox: Sandbox, reason: RegExp, edit: Edit, script = 'true'): Promise<void> {
  await assert.rejects(runSpec(sandbox, script, edit), (error: unknown) => {
    assert.ok(isUtsuwaError(error), String(error))
    assert.match(error.message, reason)
    return true
  })
}

export function bindMount(source: string, destination: string): Mount {
  return { source, destination, type: 'bind', options: ['rbind'] }
}

/** A running container, to be deleted by `await using`. */
export async function startBox(
  sandbox: Sandbox,
  args: readonly string[],
  edit: Edit = () => undefined,
): Promise<Container> {
  const spec = specOf(sandbox, '', changed => {
    changed.process.args = [...args]
    edit(changed)
  })
  const box = await create({ spec, runRoot: sandbox.runRoot, stdio: 'pipe' })
  await box.start()
  return box
}

/** The first line that a container prints: it is ready. */
export function firstLine({ stdout }: Container): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  stdout!.once('data', (chunk: Buffer) => resolve(chunk.toString()))
  return promise
}

export interface Executed {
  readonly exitCode: number | undefined
  readonly stdout: string
}

/** Runs one more process in a container, and collects what it prints. */
export async function execIn(
  sandbox: Sandbox,
  box: Container,
  args: readonly string[],
  change: Partial<Process> = {},
): Promise<Executed> {
  const streams = await openStdio({ stdio: 'pipe' })
  const process: Process = { args: [...args], cwd: '/', env: ['PATH=/bin'], user: { uid: 0, gid: 0 }, ...change }
  const outputs = Promise.all([text(streams.stdout!), text(streams.stderr!)])
  try {
    const running = await exec(containersDirectory(sandbox.runRoot), box.id, process, { stdio: streams.fds })
    streams[Symbol.dispose]()
    const { exitCode } = await running.wait()
    const [stdout, stderr] = await outputs
    return { exitCode, stdout: stdout + stderr }
  } catch (error) {
    streams[Symbol.dispose]()
    throw error
  } finally {
    streams.stdin!.destroy()
  }
}

/** A static program from the C file of that name beside the tests. @returns its host path */
export function compileProgram(name: string, directory: string): string {
  const program = join(directory, name)
  execFileSync('musl-gcc', ['-static', '-O1', '-o', program, join(import.meta.dirname, `${name}.c`)])
  return program
}

/** Exchanges two paths as fast as the kernel can, from outside of the container, while `during` is under way. */
export async function whileExchanging(sandbox: Sandbox, [one, other]: [string, string], during: () => Promise<void>) {
  const child = spawn(compileProgram('exchange', sandbox.scratch), [one, other], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let complaint = ''
  child.stderr.on('data', chunk => {
    complaint += chunk
  })
  const ended = new Promise(resolve => child.once('exit', resolve))
  try {
    await during()
    assert.equal(child.exitCode, null, `the attacker gave up: ${complaint}`)
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

export interface Race {
  /** How many tries one container is. */
  readonly triesEach: number
  /** The container number `index`. */
  spec(index: number): RuntimeSpec
}

/** Starts containers until `TRIES` were won by the runtime, and prints how long that took. */
export async function race(sandbox: Sandbox, { triesEach, spec }: Race): Promise<void> {
  const begin = performance.now()
  const refused = new Map<string, number>()
  let index = 0
  for (let started = 0; started * triesEach < TRIES; index++) {
    assert.ok(index < TRIES, `most containers were refused: ${inspect(refused)}`)
    try {
      await run({ spec: spec(index), runRoot: sandbox.runRoot, stdio: 'ignore' })
      started++
    } catch (error) {
      // Whoever loses the race may be refused: what must not be is that it reaches the host.
      if (!isUtsuwaError(error)) throw error
      refused.set(error.message, (refused.get(error.message) ?? 0) + 1)
    }
  }
  const seconds = ((performance.now() - begin) / 1000).toFixed(1)
  console.log(`${index} containers of ${triesEach} tries in ${seconds} s; refused:`, refused)
}

/** What snatch.c got hold of. */
export interface Loot {
  readonly tries: number
  readonly descriptors: number
  readonly executables: number
  readonly writable: number
  readonly shorter: number
  readonly mode: number
}

/** Executes in a container, again and again, until the process in it that lies in wait has seen init `TRIES` times. */
export async function whileLyingInWait(
  sandbox: Sandbox,
  edit: Edit,
  execute: (box: Container) => Promise<unknown>,
): Promise<Loot> {
  copyFileSync(compileProgram('snatch', sandbox.scratch), join(sandbox.rootfs, 'bin/snatch'))
  await using box = await startBox(sandbox, ['snatch', String(TRIES)], edit)
  await firstLine(box)
  let loot: Loot | undefined
  const rest = text(box.stdout!).then(printed => {
    loot = JSON.parse(printed)
  })
  const begin = performance.now()
  let executions = 0
  for (; loot === undefined && executions < TRIES; executions++) {
    await execute(box).catch((error: unknown) => {
      // The attacker may have ended, or have broken the executable: then its loot says so.
      if (!isUtsuwaError(error)) throw error
    })
  }
  writeFileSync(join(sandbox.rootfs, 'tmp/stop'), '')
  await rest
  console.log(`${executions} executions in ${((performance.now() - begin) / 1000).toFixed(1)} s:`, loot)
  const { tries, ...got } = loot!
  const won = got.writable + got.shorter + got.mode > 0 // it may have broken init, and so met it seldom
  assert.ok(won || tries >= TRIES, 'the attacker hardly met init: nothing was tested')
  return loot!
}

/** The host's mounts at places of the sandbox: none of a container must become one. */
export function hostMounts({ scratch }: Sandbox): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return mounts.filter(mount => mount.includes(dirname(scratch)))
}
