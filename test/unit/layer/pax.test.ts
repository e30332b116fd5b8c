import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type PaxRecords, paxInteger, paxString, paxTime, readPaxRecords } from '../../../src/layer/pax.ts'
import { encodePax } from '../../support/tar-writer.ts'

function read(records: Record<string, string | Buffer>): PaxRecords {
  const into: PaxRecords = new Map()
  readPaxRecords(encodePax(records), into, () => true)
  return into
}

describe('PAX records', () => {
  it('keep every byte of a value', () => {
    const value = Buffer.from('=\n\0\xff 12 a=b\n', 'latin1')
    assert.deepEqual(read({ 'SCHILY.xattr.user.x': value }).get('SCHILY.xattr.user.x'), value)
  })

  it('count their own length, where it changes the number of digits', () => {
    for (const size of [0, 1, 3, 4, 5, 90, 91, 92, 93, 94, 989, 990, 991, 992]) {
      assert.equal(read({ k: 'v'.repeat(size) }).get('k')?.length, size)
    }
  })

  it('replace earlier ones; an empty one counts as absent', () => {
    const records = read({ path: 'first' })
    readPaxRecords(encodePax({ path: 'second', uid: '' }), records, () => true)
    assert.equal(paxString(records, 'path'), 'second')
    assert.equal(paxInteger(records, 'uid'), undefined)
  })

  it('are kept when they are wanted, and none is that is too long to mean anything', () => {
    const into: PaxRecords = new Map()
    const attribute = `SCHILY.xattr.${'n'.repeat(255)}`
    const records = { path: 'kept', comment: 'not', [attribute]: 'kept', ['k'.repeat(300)]: 'not' }
    readPaxRecords(encodePax(records), into, key => key !== 'comment')
    assert.deepEqual([...into.keys()], ['path', attribute])
    assert.throws(() => read({ [`${attribute}n`]: '' }), { code: 'LIMIT_EXCEEDED', message: /255/ })
  })

  it('give names as binary strings', () => {
    assert.equal(paxString(read({ path: Buffer.from([0xe5, 0xff]) }), 'path'), '\xe5\xff')
  })

  const times: Record<string, [number, number]> = {
    '0': [0, 0],
    '1350244992.023960108': [1350244992, 23960108],
    '1.5': [1, 500_000_000],
    '1.': [1, 0],
    '1.1234567899': [1, 123_456_789],
    '-1': [-1, 0],
    '-1.5': [-2, 500_000_000],
    '-0.1': [-1, 900_000_000],
  }
  for (const [text, [seconds, nanoseconds]] of Object.entries(times)) {
    it(`time ${text}`, () => assert.deepEqual(paxTime(read({ mtime: text }), 'mtime'), { seconds, nanoseconds }))
  }

  it('refuse what is no number', () => {
    for (const text of ['x', '1,5', '.5', '1e9', ' 1'])
      assert.throws(() => paxTime(read({ mtime: text }), 'mtime'), { code: 'CORRUPT_LAYER' }, text)
    for (const text of ['-1', '0x1', '1.0', '99999999999999999999'])
      assert.throws(() => paxInteger(read({ uid: text }), 'uid'), { code: 'CORRUPT_LAYER' }, text)
  })
})
