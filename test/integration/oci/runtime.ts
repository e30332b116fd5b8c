/**
 * A low-level runtime under test: `RUNTIME` (a path or a name in PATH), else the project's own. The tests speak runc's
 * command line, so they pass on runc too, which proves the tests.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readCgroupHierarchy } from '../../../src/cgroup/hierarchy.ts'
import { defaultBundleSpec } from '../../../src/cli/oci/default-spec.ts'
import type { RuntimeSpec } from '../../../src/spec/runtime.ts'

export const { RUNTIME = resolve(import.meta.dirname, '../../../bin/utsuwa-oci') } = process.env

/** Whether it is utsuwa's: some tests are about what runc does otherwise. */
export const isOurs = RUNTIME.endsWith('utsuwa-oci')

export interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CallOptions {
  /** Descriptors from 0 on; standard output and error are collected where none is given. */
  readonly stdio?: readonly ('ignore' | number)[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface OciState {
  readonly ociVersion: string
  readonly id: string
  readonly pid: number
  readonly status: string
  readonly bundle: string
  readonly rootfs?: string
  readonly created?: string
  readonly annotations?: Record<string, string>
}

let count = 0

/** A directory with a bundle and a state root of its own; its containers go with the test. */
export class Playground {
  readonly directory = mkdtempSync(join(tmpdir(), 'utsuwa-oci-'))
  readonly bundle = join(this.directory, 'bundle')
  readonly stateRoot = join(this.directory, 'state')
  readonly #ids = new Set<string>()
  readonly #prefix: readonly string[]

  /** @param prefix words before every call of the runtime: a command that runs it as somebody else */
  constructor(t: TestContext, prefix: readonly string[] = []) {
    this.#prefix = prefix
    t.after(() => this.#cleanUp())
    const rootfs = join(this.bundle, 'rootfs')
    for (const name of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp']) mkdirSync(join(rootfs, name), { recursive: true })
    execFileSync('cp', ['/bin/busybox', join(rootfs, 'bin/busybox')])
    for (const applet of ['sh', 'cat', 'echo', 'id', 'ls', 'sleep', 'stat', 'stty', 'true', 'tty', 'kill'])
      execFileSync('ln', ['-s', 'busybox', join(rootfs, 'bin', applet)])
  }

  /** Writes config.json: the default one, with this command and without a terminal. */
  configure(args: readonly string[], edit: (spec: RuntimeSpec) => void = () => undefined): void {
    const spec = defaultBundleSpec({ cgroupNamespace: readCgroupHierarchy().mode === 'unified' })
    spec.ociVersion = '1.0.2'
    spec.process = { ...spec.process!, args: [...args], terminal: false }
    edit(spec)
    writeFileSync(join(this.bundle, 'config.json'), JSON.stringify(spec))
  }

  /** An id that nobody else has: it also names a cgroup. */
  newId(): string {
    const id = `test-${process.pid}-${count++}`
    this.#ids.add(id)
    return id
  }

  /** Runs the runtime. Resolves when it has exited: a container may hold its streams for longer. */
  async call(words: readonly string[], { stdio = [], cwd, env = {} }: CallOptions = {}): Promise<Outcome> {
    const outputs = ['stdout', 'stderr'].map(name => join(this.directory, `${name}-${count++}`))
    const fds = outputs.map(path => openSync(path, 'w+'))
    const given = [stdio[0] ?? 'ignore', stdio[1] ?? fds[0]!, stdio[2] ?? fds[1]!, ...stdio.slice(3)]
    const [program = RUNTIME, ...args] = [...this.#prefix, RUNTIME, '--root', this.stateRoot, ...words]
    const child = spawn(program, args, {
      stdio: given,
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    })
    const [status] = (await once(child, 'exit')) as [number | null]
    for (const fd of fds) closeSync(fd)
    const [stdout = '', stderr = ''] = outputs.map(path => readFileSync(path, 'utf8'))
    return { status, stdout, stderr }
  }

  /** The same, where nothing may go wrong. */
  async succeed(words: readonly string[], options?: CallOptions): Promise<Outcome> {
    const outcome = await this.call(words, options)
    if (outcome.status === 0) return outcome
    throw new Error(`${RUNTIME} ${words.join(' ')} exited with ${outcome.status}: ${outcome.stderr}`)
  }

  async create(flags: readonly string[] = [], options?: CallOptions): Promise<string> {
    const id = this.newId()
    await this.succeed(['create', '--bundle', this.bundle, ...flags, id], options)
    return id
  }

  async state(id: string): Promise<OciState> {
    return JSON.parse((await this.succeed(['state', id])).stdout) as OciState
  }

  /** Waits, for at most 10 s, until the container is in this state. */
  async waitFor(id: string, status: string): Promise<OciState> {
    for (let attempt = 0; attempt < 200; attempt++) {
      const { status: exitStatus, stdout } = await this.call(['state', id])
      const state = exitStatus === 0 ? (JSON.parse(stdout) as OciState) : undefined
      if (state?.status === status) return state
      await sleep(50)
    }
    throw new Error(`container ${id} did not become ${status}`)
  }

  /** Waits, for at most 30 s, until a file is in the bundle. */
  async waitForFile(path: string): Promise<void> {
    for (let attempt = 0; attempt < 600; attempt++) {
      if (existsSync(join(this.bundle, path))) return
      await sleep(50)
    }
    throw new Error(`${path} did not appear in the bundle`)
  }

  async #cleanUp(): Promise<void> {
    for (const id of this.#ids) if (existsSync(join(this.stateRoot, id))) await this.call(['delete', '--force', id])
    rmSync(this.directory, { recursive: true, force: true })
  }
}
