/** Runs the built command lines as a person would, with roots of their own. */
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'

export const utsuwaPath = resolve(import.meta.dirname, '../../bin/utsuwa')

export interface Outcome {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Workplace extends Disposable {
  readonly directory: string
  readonly runRoot: string
  /** `utsuwa` with the roots of this workplace. */
  utsuwa(...args: string[]): Promise<Outcome>
  /** What `utsuwa()` would execute. */
  argv(...args: string[]): string[]
}

export interface WorkplaceOptions {
  /** Connect containers as `utsuwa` does by default. Otherwise, where nothing is said, to nothing: tests leave the
   *  machine's devices and rules as they are, and a kernel may have no NAT. */
  readonly connected?: boolean
}

/** A temporary directory with a store and a run root, removed at the end. */
export function openWorkplace({ connected = false }: WorkplaceOptions = {}): Workplace {
  const directory = mkdtempSync(join(tmpdir(), 'utsuwa-cli-'))
  const runRoot = join(directory, 'run')
  const withNetwork = (args: string[]): string[] => {
    const [verb = '', ...rest] = args
    const says = connected || rest.includes('--network') || !['run', 'create', 'plan'].includes(verb)
    return says || rest.includes('--bundle') ? args : [verb, '--network', 'none', ...rest]
  }
  const argv = (...args: string[]): string[] => [
    ...['--root', join(directory, 'store'), '--run-root', runRoot],
    ...withNetwork(args),
  ]
  return {
    directory,
    runRoot,
    argv,
    utsuwa: (...args) => execute(utsuwaPath, argv(...args)),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** Collects what a command prints; whatever its exit status. */
export function execute(path: string, args: readonly string[]): Promise<Outcome> {
  return collectOutput(spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'] }))
}

function collectOutput(child: ChildProcessByStdio<null, Readable, Readable>): Promise<Outcome> {
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => {
    stdout += chunk
  })
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  return new Promise((onEnd, onError) => {
    child.on('error', onError)
    child.on('close', exitCode => onEnd({ exitCode, stdout, stderr }))
  })
}

export interface Background extends AsyncDisposable {
  /** Resolves when the command ends: what it has printed, and its exit status. */
  readonly ended: Promise<Outcome>
}

/**
 * Runs a container in the foreground of a process of its own, from a shell script that is asked to say `ready` first.
 * @returns when it has said so; at the end the container is removed, whatever it is called by then
 */
export async function runBeside(workplace: Workplace, name: string, ...words: string[]): Promise<Background> {
  const child = spawn(utsuwaPath, workplace.argv('run', '--name', name, ...words), {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = collectOutput(child)
  const ready = Promise.withResolvers<void>()
  child.stdout.on('data', (chunk: Buffer) => chunk.includes('ready') && ready.resolve())
  void ended.then(({ stderr }) => ready.reject(new Error(`it has ended: ${stderr}`)))
  await ready.promise
  return {
    ended,
    [Symbol.asyncDispose]: async () => {
      await workplace.utsuwa('rm', '--force', '--all')
      await ended
    },
  }
}

/** A root file system with busybox, and a hard link to it for each applet. */
export function makeBusyboxRoot(directory: string): string {
  const rootfs = join(directory, 'rootfs')
  for (const name of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp']) mkdirSync(join(rootfs, name), { recursive: true })
  execFileSync('cp', ['/bin/busybox', join(rootfs, 'bin/busybox')])
  execFileSync(join(rootfs, 'bin/busybox'), ['--install', join(rootfs, 'bin')])
  return rootfs
}
