/** A container that systemd manages, and what systemd says of it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RuntimeSpec } from '../../../src/spec/runtime.ts'
import { type CallOptions, type Outcome, Playground } from '../oci/runtime.ts'

const MOUNT = '/sys/fs/cgroup'
export const SLICE = 'utsuwatest-deep.slice'

export class Scope {
  readonly ground: Playground
  readonly id: string
  readonly unit: string
  readonly directory: string

  constructor(
    t: TestContext,
    args: readonly string[],
    edit: (spec: RuntimeSpec, scope: Scope) => void = () => undefined,
  ) {
    this.ground = new Playground(t)
    this.id = this.ground.newId()
    this.unit = `px-${this.id}.scope`
    this.directory = `${MOUNT}/utsuwatest.slice/${SLICE}/${this.unit}`
    this.ground.configure(args, spec => {
      spec.linux!.cgroupsPath = `${SLICE}:px:${this.id}`
      edit(spec, this)
    })
  }

  call(verb: string, flags: readonly string[] = [], options?: CallOptions): Promise<Outcome> {
    return this.ground.call(['--systemd-cgroup', verb, ...flags, this.id], options)
  }

  async succeed(verb: string, ...flags: string[]): Promise<Outcome> {
    const outcome = await this.call(verb, flags)
    assert.equal(outcome.status, 0, outcome.stderr)
    return outcome
  }

  async start(): Promise<number> {
    await this.succeed('create', '--bundle', this.ground.bundle)
    await this.succeed('start')
    return (await this.ground.state(this.id)).pid
  }

  read(file: string): string {
    return readFileSync(join(this.directory, file), 'utf8').trim()
  }

  property(name: string): string {
    return systemctl('show', '--value', '--property', name, this.unit)
  }

  get isLoaded(): boolean {
    return this.property('LoadState') === 'loaded'
  }
}

export function systemctl(...words: string[]): string {
  return execFileSync('systemctl', words, { encoding: 'utf8' }).trim()
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (condition()) return
    await sleep(50)
  }
  assert.fail(`${what} did not come about within 10 s`)
}
