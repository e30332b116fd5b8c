/** User names and passwords for registries, where docker and podman keep them. */
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import { isErrno } from '../util/errno.ts'

export type Credentials =
  | { kind: 'password'; username: string; password: string }
  /** An OAuth2 refresh token that the token service changes into an access token. */
  | { kind: 'identityToken'; token: string }

interface AuthFile {
  auths?: Record<string, { auth?: string; identitytoken?: string; username?: string; password?: string }>
  credHelpers?: Record<string, string>
  credsStore?: string
}

/** Docker's key for Docker Hub. */
const DOCKER_HUB_KEY = 'https://index.docker.io/v1/'
const HELPER_TIMEOUT = 30_000

/**
 * The credentials for a registry, or undefined for anonymous access: from `$REGISTRY_AUTH_FILE`, `$DOCKER_CONFIG` or
 * `~/.docker`, and podman's auth.json, in that order. In each file a helper for the registry comes before the common
 * store, and that before the passwords in the file.
 *
 * @throws UtsuwaError REGISTRY_UNAUTHORIZED when a file or a helper exists but does not work
 */
export async function findCredentials(
  registry: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Credentials | undefined> {
  for (const path of authFiles(env)) {
    const file = await readAuthFile(path)
    const found = file === undefined ? undefined : await lookUp(file, registry)
    if (found !== undefined) return found
  }
  return undefined
}

function authFiles(env: NodeJS.ProcessEnv): string[] {
  const home = env.HOME ?? homedir()
  return [
    env.REGISTRY_AUTH_FILE,
    join(env.DOCKER_CONFIG ?? join(home, '.docker'), 'config.json'),
    env.XDG_RUNTIME_DIR === undefined ? undefined : join(env.XDG_RUNTIME_DIR, 'containers/auth.json'),
    join(home, '.config/containers/auth.json'),
  ].filter(path => path !== undefined && path !== '') as string[]
}

async function readAuthFile(path: string): Promise<AuthFile | undefined> {
  try {
    const json: unknown = JSON.parse(await readFile(path, 'utf8'))
    return typeof json === 'object' && json !== null ? json : undefined
  } catch (cause) {
    if (isErrno(cause, 'ENOENT') || isErrno(cause, 'ENOTDIR')) return undefined
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new UtsuwaError('REGISTRY_UNAUTHORIZED', reason, { operation: `read credentials from ${path}`, path, cause })
  }
}

async function lookUp(file: AuthFile, registry: string): Promise<Credentials | undefined> {
  const key = registry === 'docker.io' ? DOCKER_HUB_KEY : registry
  const helper = file.credHelpers?.[registry] ?? file.credsStore
  if (helper !== undefined && helper !== '') {
    const fromHelper = await askHelper(helper, key)
    if (fromHelper !== undefined) return fromHelper
  }
  const entry = Object.entries(file.auths ?? {}).find(([name]) => name === key || hostOf(name) === registry)?.[1]
  if (entry === undefined) return undefined
  if (entry.identitytoken) return { kind: 'identityToken', token: entry.identitytoken }
  const decoded = Buffer.from(entry.auth ?? '', 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  if (colon > 0) return { kind: 'password', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) }
  const { username, password } = entry
  return username && password ? { kind: 'password', username, password } : undefined
}

/** Old entries are URLs: `https://host:port/v1/`. */
function hostOf(key: string): string {
  const host = key.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
  return host === 'index.docker.io' ? 'docker.io' : host
}

/** docker-credential-helpers: the key on standard input, JSON on standard output, "not found" as a sentence there. */
async function askHelper(name: string, key: string): Promise<Credentials | undefined> {
  const program = `docker-credential-${name}`
  const fail = (reason: string, cause?: unknown) =>
    new UtsuwaError('REGISTRY_UNAUTHORIZED', reason, { operation: `run ${program}`, path: program, cause })
  if (!/^[\w.-]+$/.test(name)) throw fail('not the name of a credential helper')
  const { code, output } = await runHelper(program, key).catch((cause: unknown) => {
    throw fail(isErrno(cause, 'ENOENT') ? 'the credential helper is not installed' : String(cause), cause)
  })
  if (code !== 0) {
    if (/not found/i.test(output)) return undefined
    throw fail(output.trim().slice(0, 200) || `exit code ${code}`)
  }
  let answer: { Username?: unknown; Secret?: unknown }
  try {
    answer = JSON.parse(output)
  } catch (cause) {
    throw fail('its answer is not JSON', cause)
  }
  const { Username: username, Secret: secret } = answer
  if (typeof username !== 'string' || typeof secret !== 'string') throw fail('its answer has no Username and Secret')
  if (username === '<token>') return { kind: 'identityToken', token: secret }
  return { kind: 'password', username, password: secret }
}

function runHelper(program: string, input: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['get'], { stdio: ['pipe', 'pipe', 'ignore'], timeout: HELPER_TIMEOUT })
    let output = ''
    child.stdout.on('data', chunk => {
      output += chunk
    })
    child.once('error', reject)
    child.once('close', code => resolve({ code, output }))
    // A helper that is gone before it read its input has an exit code that tells more than EPIPE.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}
