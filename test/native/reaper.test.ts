/** The reaper and a command that has itself traced by its parent, which is the reaper: it stops at each signal. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

const reaper = join(import.meta.dirname, '../../build/native/reaper')
let directory: string
let traced: string

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'utsuwa-reaper-'))
  traced = join(directory, 'traced')
  const source = join(import.meta.dirname, 'traced.c')
  execFileSync('cc', ['-Wall', '-Wextra', '-Werror', '-o', traced, source], { stdio: 'inherit' })
})

after(() => rmSync(directory, { recursive: true, force: true }))

/** @returns the status of the reaper, which is told to stop as soon as the command is ready */
async function run(...args: string[]): Promise<number | NodeJS.Signals> {
  const child = spawn(reaper, [traced, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  child.stdout.once('data', () => child.kill('SIGTERM'))
  // what never gets on is killed, and has the wrong status then
  const limit = setTimeout(() => child.kill('SIGKILL'), 20_000)
  const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null]
  clearTimeout(limit)
  return code ?? signal!
}

test('a command that has itself traced gets SIGTERM, and its end is the end', async () => {
  assert.equal(await run(), 9)
})

test('a stop for a signal of its own is not its end', async () => {
  assert.equal(await run('signal-itself'), 9)
})

test('the stop at an execve is not its end, and leaves no SIGTRAP', async () => {
  assert.equal(await run('execute'), 9)
})

test('a fault of it is not lost', async () => {
  const expected = process.arch === 'x64' ? 'SIGILL' : 'SIGTRAP'
  assert.equal(await run('trap'), 128 + { SIGILL: 4, SIGTRAP: 5 }[expected])
})

test('its end while it is traced is its end', async () => {
  assert.equal(await run('end'), 3)
})
