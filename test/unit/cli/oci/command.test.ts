import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkCount } from '../../../../src/cli/oci/command.ts'
import { commands } from '../../../../src/cli/oci/commands.ts'
import { commandHelp, versionText } from '../../../../src/cli/oci/help.ts'

test('the number of arguments is checked, in runc’s words', () => {
  checkCount('kill', commands.kill!, 2)
  assert.throws(() => checkCount('state', commands.state!, 0), /"state" requires exactly 1 argument\(s\)/)
  assert.throws(() => checkCount('kill', commands.kill!, 3), /"kill" requires 1 to 2 argument\(s\)/)
})

test('every command has a help that names its flags', () => {
  for (const [name, command] of Object.entries(commands)) {
    const help = commandHelp(name, command)
    assert.match(help, new RegExp(`utsuwa-oci ${name}`))
    for (const flag of ['help', ...Object.keys(command.flags)]) assert.match(help, new RegExp(`--${flag}\\b`))
  }
})

test('the version is laid out as engines expect it', () => {
  assert.match(versionText(), /^utsuwa-oci version \d+\.\d+\.\d+\S*\ncommit: \S+\nspec: 1\.\d+\.\d+\n/)
})

test('the flags that engines pass to create and run are known', () => {
  const passed = ['bundle', 'console-socket', 'pid-file', 'no-pivot', 'no-new-keyring', 'preserve-fds']
  for (const name of ['create', 'run'])
    for (const flag of passed) assert.ok(Object.hasOwn(commands[name]!.flags, flag), `${name} --${flag}`)
})
