import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { planVocabulary } from '../../../src/plan/ops.ts'

const document = readFileSync(join(import.meta.dirname, '../../../docs/plan-format.md'), 'utf8')

test('docs/plan-format.md lists every operation with its fields, in order, and no other', () => {
  const rows = [...document.matchAll(/^\| `(\w+)` \| ((?:`\w+` ?)*)\|/gm)].filter(([, name]) => name !== 'host')
  const documented = Object.fromEntries(
    rows.map(([, name, fields]) => [name, [...fields!.matchAll(/`(\w+)`/g)].map(([, field]) => field)]),
  )
  const actual = Object.fromEntries(
    Object.entries(planVocabulary.types).map(([name, fields]) => [name, Object.keys(fields)]),
  )
  assert.deepEqual(documented, actual)
})
