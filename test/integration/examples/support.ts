/** Runs the programs of examples/ as a person would, with images and containers in a place of their own. */
import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { importImage } from '../../../src/index.ts'

export const examples = join(import.meta.dirname, '../../../examples')

export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export class ExampleSite implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'utsuwa-example-'))
  readonly #roots = { root: this.path('store'), runRoot: this.path('run') }

  path(name: string): string {
    return join(this.directory, name)
  }

  /** A new directory in it. */
  makeDirectory(name: string): string {
    mkdirSync(this.path(name))
    return this.path(name)
  }

  async importImage(archive: string, name: string, changes: string[] = []): Promise<void> {
    await importImage(archive, { root: this.#roots.root, name, changes })
  }

  /** @param script a path below `directory`, which is examples/ unless it is said */
  start(
    script: string,
    args: readonly string[],
    { node = process.execPath, directory = examples } = {},
  ): ChildProcessByStdio<null, Readable, Readable> {
    const roots = ['--root', this.#roots.root, '--run-root', this.#roots.runRoot]
    // A test that runs a program that runs tests is none of them.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    return spawn(node, [join(directory, script), ...roots, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env })
  }

  /** Runs one to its end. */
  async run(script: string, args: readonly string[]): Promise<Ended> {
    const child = this.start(script, args)
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text
    })
    const [status] = (await once(child, 'close')) as [number | null]
    return { status, stdout, stderr }
  }

  assertNoContainers(): void {
    const containers = join(this.#roots.runRoot, 'containers')
    assert.deepEqual(existsSync(containers) ? readdirSync(containers) : [], [])
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}
