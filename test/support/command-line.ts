/** Runs the built command lines as a person would, with roots of their own. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

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

/** A temporary directory with a store and a run root, removed at the end. */
export function openWorkplace(): Workplace {
  const directory = mkdtempSync(join(tmpdir(), 'utsuwa-cli-'))
  const runRoot = join(directory, 'run')
  const argv = (...args: string[]): string[] => ['--root', join(directory, 'store'), '--run-root', runRoot, ...args]
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
  const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'] })
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

/** A root file system with busybox, and a hard link to it for each applet. */
export function makeBusyboxRoot(directory: string): string {
  const rootfs = join(directory, 'rootfs')
  for (const name of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp']) mkdirSync(join(rootfs, name), { recursive: true })
  execFileSync('cp', ['/bin/busybox', join(rootfs, 'bin/busybox')])
  execFileSync(join(rootfs, 'bin/busybox'), ['--install', join(rootfs, 'bin')])
  return rootfs
}
