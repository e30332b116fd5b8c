import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseEnvFile } from '../../../../src/cli/flags/env-file.ts'

test('lines are taken as they are, but for comments and empty ones', () => {
  const text = '# comment\n\nA=1\r\n  B="two words"\nC\nD=a=b # not a comment\n'
  assert.deepEqual(parseEnvFile(text, 'f'), ['A=1', 'B="two words"', 'C', 'D=a=b # not a comment'])
})

test('a line without a name is refused, with its number', () => {
  for (const line of ['=x', 'a b=c'])
    assert.throws(() => parseEnvFile(`A=1\n${line}`, 'f'), { message: 'read env file f: line 2 has no name' })
})
