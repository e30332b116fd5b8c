/**
 * The plans of this folder, printed, are what they were. After a change that is meant: `UPDATE_GOLDEN=1 make check`,
 * and read the difference before it is committed.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { encodeHostStage, encodePlanFile } from '../../src/plan/encode.ts'
import { explain, planToJson } from '../../src/plan/explain.ts'
import { goldenPlans } from './plans.ts'

const update = process.env.UPDATE_GOLDEN === '1'

/** Programs are bytes that say nothing to a reader; their length and beginning show that they changed. */
function shortenPrograms(json: string): string {
  return json.replaceAll(
    /"program": "([^"]{48})[^"]*"/g,
    (whole, start) => `"program": "${start}… (${whole.length - 13} characters)"`,
  )
}

function assertGolden(file: string, text: string): void {
  const path = join(import.meta.dirname, file)
  if (update) writeFileSync(path, text)
  assert.equal(
    text,
    readFileSync(path, 'utf8'),
    `test/golden/${file} differs; if that is meant: UPDATE_GOLDEN=1 make check`,
  )
}

for (const [name, compilePlan] of Object.entries(goldenPlans)) {
  test(`${name}: a line for each operation`, () => assertGolden(`${name}.txt`, `${explain(compilePlan())}\n`))
  test(`${name}: as JSON`, () => assertGolden(`${name}.json.txt`, `${shortenPrograms(planToJson(compilePlan()))}\n`))
}

/** What test/native/init_check_test.c cuts and changes byte by byte, and what the fuzzer starts from. */
test('the encoded plans go to the native tests and the fuzzer', () => {
  const seeds = join(import.meta.dirname, '../../build/fuzz/corpus/init_plan')
  mkdirSync(seeds, { recursive: true })
  for (const [name, compilePlan] of Object.entries(goldenPlans)) {
    const plan = compilePlan()
    assert.ok(encodeHostStage(plan).length > 0)
    writeFileSync(join(seeds, `golden-host-${name}`), encodeHostStage(plan))
    writeFileSync(join(seeds, `golden-plan-${name}`), encodePlanFile(plan))
  }
})
