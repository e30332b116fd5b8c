/** docs/docker-compat.md says of every flag of docker run whether it is there, and names no other. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Command } from 'commander'
import { define } from '../../../src/cli/commands/run.ts'

const page = readFileSync(join(import.meta.dirname, '../../../docs/docker-compat.md'), 'utf8')
const [docker = '', ours = ''] = page.split(/^## Flags that docker does not have$/m)

interface Row {
  readonly long: string
  readonly short: string | undefined
  readonly state: string
}

/** Lines `| `--long`, `-s` | state | … |`. */
const rowsOf = (text: string): Row[] =>
  [...text.matchAll(/^\| `(--[\w-]+)`(?:, `(-\w)`)? \| ([^|]*?) ?\|/gm)].map(([, long, short, state]) => ({
    long: long!,
    short,
    state: state!,
  }))

const command = new Command('run')
define(command)
const there = new Map(command.options.map(({ long, short }) => [long!, short]))
there.set('--help', undefined)

test('every row has one of the three states', () => {
  assert.ok(rowsOf(docker).length > 95)
  for (const { long, state } of rowsOf(docker)) assert.match(state, /^(works|differs|no)$/, long)
})

test('what works or differs is a flag, with the same short form; what does not is none', () => {
  for (const { long, short, state } of rowsOf(docker)) {
    assert.equal(there.has(long), state !== 'no', long)
    if (state !== 'no') assert.equal(there.get(long), short, long)
  }
})

test('what differs and what is missing says how', () => {
  const silent = [...docker.matchAll(/^\| `(--[\w-]+)`.*\| (differs) \| \|$/gm)].map(([, flag]) => flag)
  assert.deepEqual(silent, [])
})

test('every flag is in one of the tables', () => {
  const named = new Set([...rowsOf(docker), ...rowsOf(ours)].map(({ long }) => long))
  assert.deepEqual(
    [...there.keys()].filter(long => !named.has(long)),
    [],
  )
  assert.deepEqual(
    rowsOf(ours).filter(({ long }) => !there.has(long)),
    [],
  )
})
