/**
 * What utsuwa asks systemd to do, over D-Bus by way of busctl(1): docs/adr/0006-systemd-driver.md says why.
 *
 * Calls are asynchronous in systemd: a call queues a job, and gives it back. Instead of listening for the job's end, these
 * functions watch for its effect: the process in its cgroup, the unit removed.
 */
import { existsSync, readFileSync } from 'node:fs'
import { UtsuwaError } from '../../errors.ts'
import { isErrno } from '../../util/errno.ts'
import { reasonOfEnd } from '../../util/how-ended.ts'
import { sleep } from '../../util/sleep.ts'
import { parseOwnCgroup } from '../hierarchy.ts'
import type { SystemdProperty } from './systemd-properties.ts'
import type { SystemdUnit } from './systemd-unit.ts'

const SERVICE = 'org.freedesktop.systemd1'
const MANAGER = [SERVICE, '/org/freedesktop/systemd1', `${SERVICE}.Manager`] as const

/** As long as runc waits for a job. */
const JOB_TIMEOUT_MS = 30_000
/** Between looks at a file, and between questions to systemd, which are dear. */
const POLL_MS = 2
const ASK_MS = 200

/**
 * Starts a scope with a process in it. Resolves when the process is in the scope's cgroup.
 * @throws UtsuwaError CGROUP_ERROR with systemd's reason; nothing of the scope is left then, except for a unit of this
 * name that existed before
 */
export async function startScope(
  unit: SystemdUnit,
  pid: number,
  properties: readonly SystemdProperty[],
): Promise<void> {
  const operation = `start unit ${unit.name}`
  const known = await onlyKnown(properties)
  const words = [unit.name, 'replace', ...encode([{ name: 'PIDs', type: 'au', value: ['1', String(pid)] }, ...known])]
  const start = (): Promise<string> =>
    call(operation, ['call', ...MANAGER, 'StartTransientUnit', 'ssa(sv)a(sa(sv))', ...words, '0'])
  try {
    await start()
  } catch (error) {
    // A scope that failed stays until it is reset.
    if (!/already (loaded|exists)/.test(String(error)) || !(await forgetFailed(unit.name))) throw error
    await start()
  }
  try {
    await untilMoved(unit, pid, operation)
  } catch (error) {
    await stopUnit(unit.name)
    throw error
  }
}

/**
 * Changes limits of a unit until the machine, or the unit, stops.
 * @throws UtsuwaError CGROUP_ERROR
 */
export async function setUnitProperties(name: string, properties: readonly SystemdProperty[]): Promise<void> {
  const known = await onlyKnown(properties)
  if (known.length === 0) return
  const words = [name, 'true', ...encode(known)]
  await call(`set properties of unit ${name}`, ['call', ...MANAGER, 'SetUnitProperties', 'sba(sv)', ...words])
}

/**
 * Stops a scope and makes systemd forget it, failed or not, so that its name is free. Idempotent: most are gone already,
 * since a scope ends with its last process.
 * @throws UtsuwaError CGROUP_ERROR; TIMEOUT when it stays for 30 s
 */
export async function stopUnit(name: string): Promise<void> {
  const operation = `stop unit ${name}`
  const deadline = Date.now() + JOB_TIMEOUT_MS
  if (isLoaded(name)) await unlessGone(name, call(operation, ['call', ...MANAGER, 'StopUnit', 'ss', name, 'replace']))
  for (let asked = Date.now(); isLoaded(name); await sleep(POLL_MS)) {
    if (Date.now() > deadline) throw new UtsuwaError('TIMEOUT', 'it has not stopped after 30 s', { operation })
    if (Date.now() - asked < ASK_MS) continue
    await resetFailed(name)
    asked = Date.now()
  }
}

/** systemd keeps the file of a transient unit exactly as long as the unit. */
function isLoaded(name: string): boolean {
  return existsSync(`/run/systemd/transient/${name}`)
}

/** @returns whether the name is free now: it is not when the unit lives */
async function forgetFailed(name: string): Promise<boolean> {
  await resetFailed(name)
  for (const asked = Date.now(); Date.now() - asked < ASK_MS; await sleep(POLL_MS)) if (!isLoaded(name)) return true
  return false
}

async function resetFailed(name: string): Promise<void> {
  await unlessGone(name, call(`reset unit ${name}`, ['call', ...MANAGER, 'ResetFailedUnit', 's', name]))
}

async function unlessGone(name: string, called: Promise<string>): Promise<void> {
  try {
    await called
  } catch (error) {
    if (isLoaded(name)) throw error
  }
}

async function untilMoved(unit: SystemdUnit, pid: number, operation: string): Promise<void> {
  const started = Date.now()
  for (let asked = started; cgroupOf(pid, operation) !== unit.cgroupPath; await sleep(POLL_MS)) {
    if (Date.now() - asked < ASK_MS) continue
    await checkStarting(unit, operation)
    asked = Date.now()
    if (asked - started > JOB_TIMEOUT_MS)
      throw new UtsuwaError('TIMEOUT', 'systemd has not moved the process into it after 30 s', { operation })
  }
}

function cgroupOf(pid: number, operation: string): string | undefined {
  try {
    return parseOwnCgroup(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT') && !isErrno(cause, 'ESRCH')) throw cause
    throw new UtsuwaError('INIT_FAILED', 'init ended before it was in its cgroup', { operation, cause })
  }
}

async function checkStarting({ name, cgroupPath }: SystemdUnit, operation: string): Promise<void> {
  const scope = [SERVICE, unitObject(name), `${SERVICE}.Scope`] as const
  const answer = await call(operation, ['get-property', ...scope, 'Result', 'ControlGroup'])
  const [result = '', place = ''] = Array.from(answer.matchAll(/^s "(.*)"$/gm), ([, text]) => text)
  if (result !== 'success')
    throw new UtsuwaError('CGROUP_ERROR', `systemd says: ${result}`, { operation, hint: `journalctl -u ${name}` })
  if (place !== '' && place !== cgroupPath)
    throw new UtsuwaError('CGROUP_ERROR', `systemd put it into ${place}, not into ${cgroupPath}`, { operation })
}

/** D-Bus path of a unit: what is no letter or digit stands there in hexadecimal. */
function unitObject(name: string): string {
  const inHex = (character: string): string => `_${character.charCodeAt(0).toString(16).padStart(2, '0')}`
  return `/org/freedesktop/systemd1/unit/${name.replace(/[^A-Za-z0-9]/g, inHex).replace(/^\d/, inHex)}`
}

/** `a(sv)` in the words of busctl. */
function encode(properties: readonly SystemdProperty[]): string[] {
  return [String(properties.length), ...properties.flatMap(({ name, type, value }) => [name, type, ...value])]
}

/** Leaves out what this systemd does not know, and therefore cannot undo. The version costs a call, so only when needed. */
async function onlyKnown(properties: readonly SystemdProperty[]): Promise<readonly SystemdProperty[]> {
  if (properties.every(({ since }) => since === undefined)) return properties
  const answer = await call('ask systemd for its version', ['get-property', ...MANAGER, 'Version'])
  const version = Number(/\d+/.exec(answer)?.[0])
  return properties.filter(({ since = 0 }) => version >= since)
}

/** @returns what busctl prints; @throws UtsuwaError with what systemd, or the bus, answered */
async function call(operation: string, words: readonly string[]): Promise<string> {
  // Lazy import: the cgroupfs driver starts no process.
  const { execFile } = await import('node:child_process')
  return new Promise((resolve, reject) => {
    // `--`: a unit's name may begin with a dash.
    execFile('busctl', ['--system', '--no-pager', '--', ...words], (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(busError(operation, error, stderr))
    })
  })
}

function busError(operation: string, cause: Error, stderr: string): UtsuwaError {
  if (isErrno(cause, 'ENOENT'))
    return new UtsuwaError('UNSUPPORTED', 'busctl is missing', {
      operation,
      hint: 'install the whole systemd package, or leave --systemd-cgroup out',
      cause,
    })
  const reason = stderr
    .trim()
    .replace(/^Call failed: /, '')
    .replace(/\.$/, '')
  const { code = null, signal = null } = cause as { code?: number | null; signal?: string | null }
  return new UtsuwaError('CGROUP_ERROR', reasonOfEnd('busctl', { code, signal }, reason), { operation, cause })
}
