/** Running a command in a container of its own and reading what it printed. */
import { readdirSync, readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import type { RunResult } from '../../../src/engine/container/result.ts'
import { type Container, type RunOptions, run } from '../../../src/index.ts'
import type { Sandbox } from '../../support/busybox-root.ts'

export interface Printed {
  readonly result: RunResult
  readonly stdout: string
  readonly stderr: string
}

/** `run` with the sandbox's root filesystem, unless the options name another source. */
export async function runPrinting(
  sandbox: Sandbox,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Printed> {
  let printed: Promise<[string, string]> | undefined
  const source = options.spec === undefined && options.bundle === undefined ? { rootfs: sandbox.rootfs, args } : {}
  const result = await run({
    ...source,
    runRoot: sandbox.runRoot,
    stdio: 'pipe',
    ...options,
    onStart: container => {
      // First, so that it hears of what is there already: collecting reads at once.
      options.onStart?.(container)
      printed = collect(container)
    },
  })
  const [stdout, stderr] = await printed!
  return { result, stdout, stderr }
}

function collect({ stdout, stderr }: Container): Promise<[string, string]> {
  return Promise.all([text(stdout!), text(stderr!)])
}

/** `sh -c SCRIPT` */
export function sh(sandbox: Sandbox, script: string, options: RunOptions = {}): Promise<Printed> {
  return runPrinting(sandbox, ['/bin/sh', '-c', script], options)
}

export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length
}

/** PIDs and states of this process's children. */
export function children(): string[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return Number(parent) === process.pid ? [`${pid} ${state}`] : []
      } catch {
        return [] // it ended while the list was read
      }
    })
}
