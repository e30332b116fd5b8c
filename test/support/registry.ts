/** Debian's `docker-registry` on a free loopback port, with its storage in a directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface TestRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  url: string
  /** `127.0.0.1:PORT`, what an image reference begins with. */
  host: string
  port: number
}

export interface RegistryConfig {
  /** What stands below `auth:` in its configuration, in JSON, which is YAML as well. */
  auth?: object
  /** What stands below `http: tls:`. */
  tls?: { certificate: string; key: string; clientcas?: string[] }
}

/** Starts a registry; dispose of it (`await using`) to stop the process and remove what it stored. */
export async function startRegistry({ auth, tls }: RegistryConfig = {}): Promise<TestRegistry> {
  const directory = await mkdtemp(join(tmpdir(), 'utsuwa-registry-'))
  const port = await freePort()
  const host = `127.0.0.1:${port}`
  const configFile = join(directory, 'config.yml')
  await writeFile(
    configFile,
    `version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: ${join(directory, 'data')} }, delete: { enabled: true } }
http: ${JSON.stringify({ addr: host, ...(tls === undefined ? {} : { tls }) })}
${auth === undefined ? '' : `auth: ${JSON.stringify(auth)}\n`}`,
  )
  // It ends with this process, however that ends.
  const command = ['--pdeathsig', 'KILL', 'docker-registry', 'serve', configFile]
  const child = spawn('setpriv', command, { stdio: ['ignore', 'ignore', 'pipe'] })
  let complaints = ''
  child.stderr.on('data', chunk => {
    complaints += chunk
  })
  const url = `${tls === undefined ? 'http' : 'https'}://${host}`
  const dispose = async () => {
    await stop(child)
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await untilAnswering(port, child, () => complaints)
  } catch (error) {
    await dispose()
    throw error
  }
  return { url, host, port, [Symbol.asyncDispose]: dispose }
}

/** A TCP port of 127.0.0.1 that nothing listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port assigned')
  return address.port
}

async function untilAnswering(port: number, child: ChildProcess, complaints: () => string): Promise<void> {
  let failure: Error | undefined
  child.once('error', error => {
    failure = new Error(`setpriv does not start (Debian package util-linux): ${error.message}`)
  })
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(20)) {
    if (failure !== undefined) throw failure
    if (child.exitCode !== null) throw new Error(`docker-registry exited with ${child.exitCode}: ${complaints()}`)
    if (await isListening(port)) return
  }
  throw new Error(`docker-registry does not listen on port ${port}: ${complaints()}`)
}

function isListening(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false)).on('connect', () => socket.destroy())
  })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}
