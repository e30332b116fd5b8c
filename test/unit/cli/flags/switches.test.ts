import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import { plainSwitches } from '../../../../src/cli/flags/switches.ts'

function plain(...words: string[]): string[] {
  const program = new Command().option('--root <DIR>')
  program.command('run').option('--rm').option('-i, --interactive').option('-e, --env <E>').argument('[X...]')
  return plainSwitches(program, words)
}

test('a switch that is on stays, one that is off goes', () => {
  assert.deepEqual(plain('run', '--rm=true', '-i=1', 'x'), ['run', '--rm', '-i', 'x'])
  assert.deepEqual(plain('--root', 'r', 'run', '--rm=false', '-i', 'x'), ['--root', 'r', 'run', '-i', 'x'])
  assert.throws(() => plain('run', '--rm=maybe'), { message: '--rm=maybe: true or false is expected' })
})

test('values of other flags, and what is for the container, are left alone', () => {
  const words = ['run', '-e', '--rm=false', '--env=--rm=true', 'image', '--rm=true']
  assert.deepEqual(plain(...words), words)
  assert.deepEqual(plain('--root=--rm=true', 'run', '--', '--rm=true'), ['--root=--rm=true', 'run', '--', '--rm=true'])
})
