/**
 * docker-credential-helpers: a program for each kind of keychain, with a verb as argument, its input on standard input
 * and JSON on standard output. That it knows nothing is a sentence there.
 */
import { spawn } from 'node:child_process'
import { UtsuwaError } from '../errors.ts'
import { isErrno } from '../util/errno.ts'
import { howEnded, type ProgramEnd } from '../util/how-ended.ts'
import type { Credentials } from './credentials.ts'

const TIMEOUT_MS = 30_000
/** What helpers give as the user name of an identity token. */
const TOKEN_USER = '<token>'

/**
 * What a helper knows for a key, or undefined.
 *
 * @param name as in config.json: `pass` for `docker-credential-pass`
 * @throws UtsuwaError REGISTRY_UNAUTHORIZED when it is not installed or does not work
 */
export async function askHelper(name: string, key: string): Promise<Credentials | undefined> {
  const output = await run(name, 'get', key)
  if (output === undefined) return undefined
  let answer: { Username?: unknown; Secret?: unknown }
  try {
    answer = JSON.parse(output)
  } catch (cause) {
    throw helperError(name, 'its answer is not JSON', cause)
  }
  const { Username: username, Secret: secret } = answer
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw helperError(name, 'its answer has no Username and Secret')
  }
  if (username === TOKEN_USER) return { kind: 'identityToken', token: secret }
  return { kind: 'password', username, password: secret }
}

/** @throws UtsuwaError REGISTRY_UNAUTHORIZED */
export async function storeInHelper(name: string, key: string, credentials: Credentials): Promise<void> {
  const [Username, Secret] =
    credentials.kind === 'password' ? [credentials.username, credentials.password] : [TOKEN_USER, credentials.token]
  await run(name, 'store', JSON.stringify({ ServerURL: key, Username, Secret }))
}

/** @returns whether it knew something. @throws UtsuwaError REGISTRY_UNAUTHORIZED */
export async function eraseFromHelper(name: string, key: string): Promise<boolean> {
  if ((await run(name, 'get', key)) === undefined) return false
  await run(name, 'erase', key)
  return true
}

/** What it prints, or undefined when it says that it knows nothing. */
async function run(name: string, verb: 'get' | 'store' | 'erase', input: string): Promise<string | undefined> {
  if (!/^[\w.-]+$/.test(name)) throw helperError(name, 'not the name of a credential helper')
  const { end, output } = await spawnHelper(programOf(name), verb, input).catch((cause: unknown) => {
    throw helperError(name, isErrno(cause, 'ENOENT') ? 'the credential helper is not installed' : String(cause), cause)
  })
  if (end.code === 0) return output
  if (/not found/i.test(output)) return undefined
  throw helperError(name, output.trim().slice(0, 200) || howEnded(end))
}

const programOf = (name: string) => `docker-credential-${name}`

function helperError(name: string, reason: string, cause?: unknown): UtsuwaError {
  const program = programOf(name)
  return new UtsuwaError('REGISTRY_UNAUTHORIZED', reason, { operation: `run ${program}`, path: program, cause })
}

function spawnHelper(program: string, verb: string, input: string): Promise<{ end: ProgramEnd; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [verb], { stdio: ['pipe', 'pipe', 'ignore'], timeout: TIMEOUT_MS })
    let output = ''
    child.stdout.on('data', chunk => {
      output += chunk
    })
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ end: { code, signal }, output }))
    // The exit code of a helper that ends before it has read its input says more than EPIPE.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}
