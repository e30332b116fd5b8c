import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeHostStage, encodePlanFile } from '../../../src/plan/encode.ts'
import { planVocabulary } from '../../../src/plan/ops.ts'
import { recordNumber, vocabularyHash } from '../../../src/util/wire.ts'
import { minimalSpec, planOf } from './support.ts'

/** The record numbers of a stage, found by their sizes alone. */
function recordNumbers(stage: Buffer): number[] {
  const found: number[] = []
  let at = 0
  while (at < stage.length) {
    found.push(stage.readUInt32LE(at + 4))
    at += stage.readUInt32LE(at)
  }
  assert.equal(at, stage.length)
  return found
}

const spec = minimalSpec({ linux: { namespaces: [{ type: 'mount' }, { type: 'pid', path: '/proc/1/ns/pid' }] } })

test('the plan file: hash, report descriptor, sizes of the two stages, and the stages', () => {
  const plan = planOf(spec, { preserveFds: 3 })
  const file = encodePlanFile(plan)
  assert.equal(file.readBigUInt64LE(0), vocabularyHash(planVocabulary))
  assert.equal(file.readUInt32LE(8), 7, 'report is behind 0–2, three preserved and the plan')
  const joinSize = file.readUInt32LE(12)
  const initSize = file.readUInt32LE(16)
  assert.equal(file.readUInt32LE(20), 0)
  assert.equal(file.length, 24 + joinSize + initSize)
  const numbers = (operations: typeof plan.init) => operations.map(({ op }) => recordNumber(planVocabulary, op))
  assert.deepEqual(recordNumbers(file.subarray(24, 24 + joinSize)), numbers(plan.join))
  assert.deepEqual(recordNumbers(file.subarray(24 + joinSize)), numbers(plan.init))
})

test('the host stage is records and nothing else', () => {
  assert.deepEqual(recordNumbers(encodeHostStage(planOf(spec))), [recordNumber(planVocabulary, 'clone')])
})

test('a value that the wire cannot carry is refused with its place', () => {
  const refused = { code: 'INVALID_SPEC', configPointer: '/process/args', message: /^exec: args: .*NUL byte/ }
  assert.throws(() => encodePlanFile(planOf(minimalSpec({ process: { args: ['sh', 'a\0b'] } }))), refused)
})
