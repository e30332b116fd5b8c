import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeFlags, parseFlags } from '../../../../src/cli/oci/flags.ts'

const table = {
  bundle: { short: 'b', value: 'DIR', help: 'the bundle' },
  'pid-file': { value: 'FILE', help: 'a file' },
  force: { short: 'f', help: 'by force' },
} as const

const parse = (...words: string[]) => parseFlags(table, words)

test('a flag takes its value from the next word or behind =', () => {
  for (const words of [['--bundle', 'x'], ['--bundle=x'], ['-bundle', 'x'], ['-bundle=x'], ['-b', 'x'], ['-b=x']])
    assert.equal(parse(...words).flags.bundle, 'x', words.join(' '))
})

test('a value may be empty, hold =, look like a flag, or span lines', () => {
  assert.equal(parse('--bundle=').flags.bundle, '')
  assert.equal(parse('--bundle=a=b').flags.bundle, 'a=b')
  assert.equal(parse('--bundle', '--force').flags.bundle, '--force')
  assert.equal(parse('--bundle=a\nb').flags.bundle, 'a\nb')
})

test('a switch takes no word, only a value behind =', () => {
  assert.deepEqual(parse('--force', 'x'), {
    flags: { bundle: undefined, 'pid-file': undefined, force: true },
    rest: ['x'],
  })
  assert.equal(parse('-f=false').flags.force, false)
  assert.throws(() => parse('--force=maybe'), /invalid boolean value "maybe" for -force/)
})

test('flags that are not given are undefined or false', () => {
  assert.deepEqual(parse('x').flags, { bundle: undefined, 'pid-file': undefined, force: false })
})

test('flags stand before, between and after other words', () => {
  const { flags, rest } = parse('a', '--pid-file', 'p', 'b', '-f')
  assert.deepEqual([flags['pid-file'], flags.force, rest], ['p', true, ['a', 'b']])
})

test('everything behind -- is words', () => {
  assert.deepEqual(parse('a', '--', '--force', '--').rest, ['a', '--force', '--'])
})

test('a lone dash is a word', () => {
  assert.deepEqual(parse('-').rest, ['-'])
})

test('with stopAtFirstWord the rest is left alone', () => {
  const { flags, rest } = parseFlags(table, ['-f', 'ls', '-f', '--color'], { stopAtFirstWord: true })
  assert.deepEqual([flags.force, rest], [true, ['ls', '-f', '--color']])
})

test('unknown flags fail', () => {
  assert.throws(() => parse('--nope'), { code: 'INVALID_ARGUMENT', message: 'flag provided but not defined: -nope' })
  assert.throws(() => parse('--constructor', 'x'), /flag provided but not defined: -constructor/)
})

test('a flag without its value fails', () => {
  assert.throws(() => parse('--bundle'), /flag needs an argument: -bundle/)
})

test('the help has a line for each flag', () => {
  assert.equal(
    describeFlags(table),
    [
      '   --bundle DIR, -b DIR  the bundle',
      '   --pid-file FILE       a file',
      '   --force, -f           by force',
      '',
    ].join('\n'),
  )
})
