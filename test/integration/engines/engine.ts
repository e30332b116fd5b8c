/** What the tests of engines share: a command line, a terminal, a daemon, an image; and the runtime, by its path. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildBusyboxImage } from '../../support/image-builder.ts'

/** Engines call it by this path and know nothing else of it. */
export const runtimePath = resolve(import.meta.dirname, '../../../bin/utsuwa-oci')

export interface Outcome {
  readonly status: number | null
  readonly stdout: string
  /** Both, standard error last. */
  readonly output: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
}

/** A directory of a test file, on a file system that overlay takes; removed at the end. */
export class Workshop implements AsyncDisposable {
  /** In lower case: engines make image names of paths. */
  readonly directory = join(tmpdir(), `utsuwa-engine-${process.pid}`)
  readonly #daemons: { readonly child: ChildProcess; readonly log: string }[] = []
  #files = 0

  constructor() {
    mkdirSync(this.directory)
  }

  path(...names: string[]): string {
    return join(this.directory, ...names)
  }

  /** An image layout with busybox in it. */
  async image(): Promise<string> {
    const dir = this.path('image')
    await buildBusyboxImage({ dir })
    return dir
  }

  /** Collects what a command prints until it exits: what it leaves behind may keep its streams for longer. */
  async run([program = '', ...args]: readonly string[], { env = {} }: RunOptions = {}): Promise<Outcome> {
    const outputs = [this.path(`stdout-${this.#files}`), this.path(`stderr-${this.#files++}`)] as const
    const fds = outputs.map(path => openSync(path, 'w'))
    const child = spawn(program, args, { stdio: ['ignore', ...fds], env: { ...process.env, ...env } })
    const [status] = (await once(child, 'exit')) as [number | null]
    for (const fd of fds) closeSync(fd)
    const [stdout = '', stderr = ''] = outputs.map(path => readFileSync(path, 'utf8'))
    return { status, stdout, output: stdout + stderr }
  }

  /** The same with a terminal: script(1) makes one, and passes on the exit status. */
  runInTerminal(command: readonly string[], options?: RunOptions): Promise<Outcome> {
    const line = command.map(word => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
    return this.run(['script', '--quiet', '--return', '--command', line, '/dev/null'], options)
  }

  /** Starts a daemon and waits until `probe` succeeds. */
  async startDaemon(command: readonly string[], probe: readonly string[], options: RunOptions = {}): Promise<void> {
    const [program = '', ...args] = command
    const log = this.path(`${program}.log`)
    const fd = openSync(log, 'w')
    const child = spawn(program, args, { stdio: ['ignore', fd, fd], env: { ...process.env, ...options.env } })
    closeSync(fd)
    this.#daemons.push({ child, log })
    for (let attempt = 0; attempt < 120; attempt++) {
      if (child.exitCode !== null) break
      if ((await this.run(probe, options)).status === 0) return
      await sleep(500)
    }
    throw new Error(`${program} did not start: ${readFileSync(log, 'utf8').slice(-2000)}`)
  }

  /** @returns the path of its socket */
  async startContainerd(): Promise<string> {
    const socket = this.path('containerd.sock')
    const config = this.path('containerd.toml')
    mkdirSync(this.path('containerd-state'))
    writeFileSync(
      config,
      [
        'version = 2',
        `root = "${this.path('containerd')}"`,
        `state = "${this.path('containerd-state')}"`,
        'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
        `[grpc]\naddress = "${socket}"`,
      ].join('\n'),
    )
    await this.startDaemon(['containerd', '--config', config], ['ctr', '--address', socket, 'version'])
    return socket
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of this.#daemons.reverse()) {
      if (child.exitCode !== null) continue
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
    this.#unmountAll()
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** Engines leave mounts behind: of their store onto itself, of network namespaces. The last made goes first. */
  #unmountAll(): void {
    const mountPoints = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map(line => line.split(' ')[4] ?? '')
    for (const path of mountPoints.filter(each => each.startsWith(`${this.directory}/`)).reverse())
      execFileSync('umount', ['--lazy', path])
  }
}
