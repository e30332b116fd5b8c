/** docs/seccomp.md says what the default profile does. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compileSeccomp } from '../../../src/seccomp/compile.ts'
import { defaultSeccompProfile } from '../../../src/seccomp/default-profile.ts'
import { BY_ARGUMENT, UNKNOWN } from '../../../src/seccomp/default-profile-calls.ts'
import { SECCOMP_ARCHES, type SeccompArch, syscallNumbers } from '../../../src/seccomp/syscalls.ts'
import { interpret } from './interpreter.ts'

const NATIVES = { x86_64: 'x86_64', x86: 'x86_64', x32: 'x86_64', aarch64: 'aarch64', arm: 'aarch64' } as const

const DECISIONS = new Map([
  [0x7fff0000, 'allowed'],
  [0x50001, 'EPERM'],
  [0x50026, 'ENOSYS'],
])

/** What the profile says to a call with arguments of zero, on each architecture that has it. */
function decisions(call: string, capabilities: readonly string[]): string[] {
  const arches = (Object.keys(NATIVES) as SeccompArch[]).filter(arch => syscallNumbers(arch).has(call))
  assert.notEqual(arches.length, 0, call)
  const each = arches.map(arch => {
    const native = NATIVES[arch]
    const { program } = compileSeccomp(defaultSeccompProfile(capabilities, native), { native })
    const nr = syscallNumbers(arch).get(call)!
    return DECISIONS.get(interpret(program, { nr, arch: SECCOMP_ARCHES[arch].auditArch }))!
  })
  return [...new Set(each)]
}

const text = readFileSync(join(import.meta.dirname, '../../../docs/seccomp.md'), 'utf8')
const rows = text
  .split('\n')
  .filter(line => line.startsWith('| `'))
  .map(line => line.split('|').map(cell => cell.trim()))
  .map(([, calls, here]) => ({ calls: [...calls!.matchAll(/`(\w+)`/g)].map(([, call]) => call!), here: here! }))
const written = new Map(rows.flatMap(({ calls, here }) => calls.map(call => [call, here] as const)))
const byArgument = BY_ARGUMENT.split(' ')

test('every call of its tables is treated as it says', () => {
  const plain = [...written].filter(([call]) => !byArgument.includes(call))
  assert.ok(plain.length > 50)
  for (const [call, here] of plain) {
    if (!here.startsWith('CAP_')) assert.deepEqual(decisions(call, []), [here], call)
    else assert.deepEqual([decisions(call, []), decisions(call, [here])], [['EPERM'], ['allowed']], call)
  }
})

test('its tables have every call that gets ENOSYS, and every one that is decided by arguments', () => {
  const unknown = UNKNOWN.flatMap(({ calls }) => calls.trim().split(/\s+/))
  assert.deepEqual(
    [...unknown, ...byArgument].filter(call => !written.has(call)),
    [],
  )
})
