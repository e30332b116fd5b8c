import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applierVocabulary } from '../../../src/layer/records.ts'
import { planVocabulary } from '../../../src/plan/ops.ts'
import { choice, RecordWriter, recordNumber, type Vocabulary, vocabularyHash } from '../../../src/util/wire.ts'

const colour = choice('colour', ['red', 'green'])

const vocabulary = {
  name: 'sample',
  types: {
    empty: {},
    all: {
      small: 'u32',
      negative: 'i32',
      large: 'u64',
      veryNegative: 'i64',
      colour,
      text: 'string',
      blob: 'bytes',
      list: 'strings',
    },
    text: { text: 'string' },
  },
} as const satisfies Vocabulary

function written(records: Parameters<RecordWriter<typeof vocabulary>['write']>[0][]): Buffer {
  const writer = new RecordWriter<typeof vocabulary>(vocabulary, 4)
  for (const record of records) writer.write(record)
  return writer.take()
}

test('a record is its size, its number and its fields, all little-endian', () => {
  const bytes = written([
    {
      op: 'all',
      small: 0x01020304,
      negative: -2,
      large: 2n ** 64n - 1n,
      veryNegative: -1,
      colour: 'green',
      text: 'né',
      blob: Uint8Array.of(7, 0, 9),
      list: ['a', '', 'bc'],
    },
  ])
  const expected = [
    '54000000', // 84 bytes
    '02000000', // the second type
    '04030201',
    'feffffff',
    'ffffffffffffffff',
    'ffffffffffffffff',
    '01000000',
    '03000000' + '6ec3a9' + '00', // the length is of bytes and without the NUL
    '03000000' + '070009',
    '03000000' + '06000000' + '6100' + '00' + '626300',
  ].join('')
  assert.equal(bytes.toString('hex'), expected.replace('54000000', size(expected)))
})

function size(hex: string): string {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(hex.length / 2)
  return buffer.toString('hex')
}

test('a record without fields is its header; record numbers start at 1', () => {
  assert.equal(written([{ op: 'empty' }, { op: 'empty' }]).toString('hex'), '0800000001000000'.repeat(2))
  assert.equal(recordNumber(vocabulary, 'empty'), 1)
  assert.equal(recordNumber(vocabulary, 'text'), 3)
})

test('grows with what is written, raw bytes included, and starts anew after take()', () => {
  const writer = new RecordWriter<typeof vocabulary>(vocabulary, 16)
  const long = 'x'.repeat(100_000)
  writer.write({ op: 'text', text: long })
  writer.writeRaw(Buffer.from('raw'))
  assert.equal(writer.length, 8 + 4 + 100_001 + 3)
  const first = writer.take()
  assert.equal(first.toString('latin1', 12, 12 + 100_000), long)
  assert.equal(first.toString('latin1', first.length - 3), 'raw')
  assert.equal(writer.length, 0)
  writer.write({ op: 'text', text: 'y' })
  assert.equal(writer.take().length, 8 + 4 + 2)
  assert.equal(first.toString('latin1', 12, 14), 'xx')
})

test('refuses a NUL inside a string, which C would read as its end', () => {
  assert.throws(() => written([{ op: 'text', text: 'a\0b' }]), /text: a string cannot contain a NUL byte/)
  const all = { op: 'all', small: 0, negative: 0, large: 0, veryNegative: 0, blob: new Uint8Array(), text: '' } as const
  assert.throws(() => written([{ ...all, colour: 'red', list: ['fine', 'a\0'] }]), /list: a string cannot contain/)
})

test('a record that is refused leaves nothing behind', () => {
  const writer = new RecordWriter<typeof vocabulary>(vocabulary)
  writer.write({ op: 'empty' })
  assert.throws(() => writer.write({ op: 'text', text: '\0' }))
  writer.write({ op: 'empty' })
  assert.equal(writer.take().toString('hex'), '0800000001000000'.repeat(2))
})

test('refuses numbers and choices that do not fit', () => {
  const all = { op: 'all', negative: 0, large: 0, veryNegative: 0, blob: new Uint8Array(), text: '', list: [] } as const
  assert.throws(() => written([{ ...all, small: 2 ** 32, colour: 'red' }]), RangeError)
  assert.throws(() => written([{ ...all, small: -1, colour: 'red' }]), RangeError)
  assert.throws(() => written([{ ...all, small: 0, colour: 'blue' as 'red' }]), /colour: blue is none of red, green/)
})

test('the hash of a vocabulary changes with every name, type, order and choice', () => {
  const base: Vocabulary = { name: 'a', types: { x: { p: 'u32', q: 'string' }, y: { c: choice('c', ['k', 'l']) } } }
  const others: Vocabulary[] = [
    { ...base, name: 'b' },
    { ...base, choices: [choice('outside', ['m'])] },
    { ...base, types: { z: base.types.x!, y: base.types.y! } },
    { ...base, types: { y: base.types.y!, x: base.types.x! } },
    { ...base, types: { x: base.types.x! } },
    { ...base, types: { ...base.types, w: {} } },
    { ...base, types: { ...base.types, x: { q: 'string', p: 'u32' } } },
    { ...base, types: { ...base.types, x: { p: 'i32', q: 'string' } } },
    { ...base, types: { ...base.types, x: { r: 'u32', q: 'string' } } },
    { ...base, types: { ...base.types, x: { p: 'u32' } } },
    { ...base, types: { ...base.types, y: { c: choice('c', ['l', 'k']) } } },
    { ...base, types: { ...base.types, y: { c: choice('c', ['k', 'l', 'm']) } } },
    { ...base, types: { ...base.types, y: { c: choice('d', ['k', 'l']) } } },
  ]
  const hashes = [base, ...others].map(vocabularyHash)
  assert.equal(new Set(hashes).size, hashes.length)
  assert.equal(vocabularyHash(base), vocabularyHash(structuredClone(base)))
})

test('the two vocabularies refuse each other', () => {
  assert.notEqual(vocabularyHash(planVocabulary), vocabularyHash(applierVocabulary))
})
