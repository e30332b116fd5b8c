/** CNI plugins: programs that connect a network namespace to a network (CNI 1.0, "Section 2: Execution Protocol"). */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { UtsuwaError } from '../errors.ts'
import { findProgram } from '../util/find-program.ts'
import { reasonOfEnd } from '../util/how-ended.ts'

/** Attachment parameters, which a plugin gets in its environment. */
export interface PluginCall {
  readonly command: 'ADD' | 'DEL' | 'VERSION'
  readonly containerId?: string
  /** Path of a network namespace; '' where it no longer exists. */
  readonly netns?: string
  readonly ifName?: string
}

/** Where distributions and Kubernetes put plugins. */
const DIRECTORIES = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni', '/usr/local/lib/cni']
/** What plugins look for their own programs in, such as iptables. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const TIMEOUT_MS = 60_000

/** CNI_PATH of the caller, as with other programs that call plugins, or the usual directories. */
function pluginDirectories(): readonly string[] {
  const given = process.env.CNI_PATH
  return given ? given.split(':').filter(Boolean) : DIRECTORIES
}

/** @throws UtsuwaError UNSUPPORTED with the package to install */
export function findPlugin(type: string): string {
  const directories = pluginDirectories()
  const path = /^[\w.-]+$/.test(type) ? findProgram(type, directories) : undefined
  if (path !== undefined) return path
  throw new UtsuwaError('UNSUPPORTED', `there is no CNI plugin ${type} in ${directories.join(', ')}`, {
    operation: 'connect a container to a network',
    hint: 'apt-get install containernetworking-plugins, or use --network none or host',
  })
}

/** Options of `runPlugin`. */
export interface PluginOptions {
  readonly signal?: AbortSignal | undefined
  /** A lock that is not free before the plugin and its programs have ended, whatever becomes of this process. */
  readonly lockFd?: number
}

/**
 * Runs a plugin, with nothing of the caller's environment.
 * @param config on its standard input
 * @returns what it printed; undefined where it has nothing to say
 * @throws UtsuwaError UNSUPPORTED when it is not there; CNI_FAILED with what it says; TIMEOUT after a minute; ABORTED
 */
export async function runPlugin(
  type: string,
  { command, containerId = '', netns = '', ifName = '' }: PluginCall,
  config: object,
  { signal, lockFd }: PluginOptions = {},
): Promise<unknown> {
  const path = findPlugin(type)
  const operation = `${command.toLowerCase()} by CNI plugin ${type}`
  const timeout = AbortSignal.timeout(TIMEOUT_MS)
  const child = spawn(path, [], {
    cwd: '/',
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: netns,
      CNI_IFNAME: ifName,
      CNI_PATH: pluginDirectories().join(':'),
      PATH,
    },
    stdio: ['pipe', 'pipe', 'pipe', ...(lockFd === undefined ? [] : [lockFd])],
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    killSignal: 'SIGKILL',
  }) as ChildProcessByStdio<Writable, Readable, Readable>
  // One that does not read its configuration fails, and says why.
  child.stdin.on('error', () => undefined)
  child.stdin.end(JSON.stringify(config))
  try {
    const [[code, killedBy], output, complaint] = await Promise.all([
      once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
      text(child.stdout),
      text(child.stderr),
    ])
    if (code === 0) return output.trim() === '' ? undefined : parse(output, operation)
    const reason = reasonOf(output) ?? reasonOfEnd(type, { code, signal: killedBy }, complaint)
    throw new UtsuwaError('CNI_FAILED', reason, { operation })
  } catch (cause) {
    if (signal?.aborted) throw new UtsuwaError('ABORTED', 'aborted', { operation, cause })
    if (timeout.aborted)
      throw new UtsuwaError('TIMEOUT', `took longer than ${TIMEOUT_MS / 1000} s`, { operation, cause })
    throw cause
  }
}

function parse(output: string, operation: string): unknown {
  try {
    return JSON.parse(output)
  } catch (cause) {
    throw new UtsuwaError('CNI_FAILED', 'it printed something else than JSON', { operation, cause })
  }
}

/** CNI 1.0, "Error": `msg` for people, `details` for more of it. */
function reasonOf(output: string): string | undefined {
  try {
    const { msg, details } = JSON.parse(output) as { msg?: string; details?: string }
    return [msg, details].filter(Boolean).join(': ') || undefined
  } catch {
    return undefined // It failed before it could say anything in JSON; standard error has more.
  }
}

const KNOWN_VERSIONS = ['1.0.0', '0.4.0', '0.3.1']

/** The newest version of the specification that all these plugins and utsuwa know. @throws UtsuwaError UNSUPPORTED */
export async function commonVersion(types: readonly string[]): Promise<string> {
  const answers = await Promise.all(types.map(type => runPlugin(type, { command: 'VERSION' }, { cniVersion: '1.0.0' })))
  const supported = answers.map(answer => (answer as { supportedVersions?: string[] }).supportedVersions ?? [])
  const version = KNOWN_VERSIONS.find(known => supported.every(versions => versions.includes(known)))
  if (version !== undefined) return version
  throw new UtsuwaError('UNSUPPORTED', `the CNI plugins ${types.join(', ')} have no version in common`, {
    operation: 'make a network',
  })
}
