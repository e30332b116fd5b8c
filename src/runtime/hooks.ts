/** Hooks that run in the caller's namespaces: prestart, createRuntime, poststart, poststop (config.md, "Hooks"). */
import { constants as osConstants } from 'node:os'
import { UtsuwaError } from '../errors.ts'
import type { Hook } from '../spec/runtime.ts'
import { errnoOf } from '../util/errno.ts'
import { howEnded } from '../util/how-ended.ts'
import type { ContainerRecord } from './state/record.ts'
import { formatState, type OciState } from './state.ts'

const OUTPUT_MAX = 16 * 1024

/**
 * Runs hooks one after the other, each with the state on its standard input.
 * @param pointer JSON pointer of the list: `/hooks/prestart`
 * @param signal kills the hook that runs, which fails then
 * @throws UtsuwaError HOOK_FAILED for the first that fails, with what it wrote to stderr; TIMEOUT
 */
export async function runHooks(
  hooks: readonly Hook[],
  pointer: string,
  state: OciState,
  cwd: string,
  signal?: AbortSignal,
): Promise<void> {
  for (const [index, hook] of hooks.entries())
    await runHook(hook, `${pointer}/${index}`, JSON.stringify(state), cwd, signal)
}

/**
 * Runs all poststop hooks: one that fails changes nothing for the others (runtime.md, "Lifecycle", step 13).
 * @param onFailure is told of each that fails
 */
export async function runPoststopHooks(
  record: ContainerRecord,
  onFailure: (error: unknown) => void = () => undefined,
): Promise<void> {
  const state = JSON.stringify(formatState(record, 'stopped'))
  for (const [index, hook] of record.poststop.entries())
    await runHook(hook, `/hooks/poststop/${index}`, state, record.bundle).catch(onFailure)
}

async function runHook(
  hook: Hook,
  configPointer: string,
  state: string,
  cwd: string,
  abort?: AbortSignal,
): Promise<void> {
  // Loaded when needed: most containers have no hooks.
  const { spawn } = await import('node:child_process')
  const details = { operation: `run hook ${hook.path}`, path: hook.path, configPointer }
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const [argv0 = hook.path, ...args] = hook.args ?? []
  const child = spawn(hook.path, args, {
    argv0,
    cwd,
    env: Object.fromEntries((hook.env ?? []).map(entry => splitOnce(entry, '='))),
    stdio: ['pipe', 'pipe', 'pipe'],
    killSignal: osConstants.signals.SIGKILL,
    ...(hook.timeout === undefined ? {} : { timeout: hook.timeout * 1000 }),
    ...(abort === undefined ? {} : { signal: abort }),
  })
  let output = ''
  const collect = (chunk: Buffer): void => {
    output = (output + chunk).slice(-OUTPUT_MAX)
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  // A hook need not read its input: a closed pipe is no failure.
  child.stdin.on('error', collectNothing)
  child.stdin.end(state)
  child.on('error', cause => {
    // It runs, and is killed for the signal: its exit follows, and then nothing of it is left.
    if (child.pid !== undefined) return
    const errno = errnoOf(cause)
    reject(new UtsuwaError('HOOK_FAILED', undefined, { ...details, ...(errno === undefined ? {} : { errno }), cause }))
  })
  child.on('exit', (code, signal) => {
    child.stdout.destroy()
    child.stderr.destroy()
    if (code === 0) return resolve()
    if (signal === 'SIGKILL' && hook.timeout !== undefined && child.killed)
      return reject(new UtsuwaError('TIMEOUT', `took longer than its ${hook.timeout} s`, details))
    const how = howEnded({ code, signal })
    const said = output.trim()
    reject(new UtsuwaError('HOOK_FAILED', said === '' ? how : `${how}: ${said}`, details))
  })
  return promise
}

function collectNothing(): void {
  // on purpose
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
