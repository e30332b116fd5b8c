import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseReport } from '../../../src/launch/conversation.ts'
import { reportKind } from '../../../src/plan/ops.ts'

test('a report is three numbers and a text', () => {
  const bytes = Buffer.concat([Buffer.from('000000000700000002000000', 'hex'), Buffer.from('/päth')])
  assert.deepEqual(parseReport(bytes), {
    kind: 'failed',
    index: 7,
    errno: 2,
    detail: '/päth',
    bytes: Buffer.from('/päth'),
  })
  for (const [number, kind] of reportKind.choices.entries()) {
    const report = Buffer.alloc(12)
    report.writeUInt32LE(number)
    assert.deepEqual(parseReport(report), { kind, index: 0, errno: 0, detail: '', bytes: Buffer.alloc(0) })
  }
})
