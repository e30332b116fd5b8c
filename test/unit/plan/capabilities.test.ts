import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { capabilityMasks, describeCapabilities, ungrantableCapabilities } from '../../../src/plan/capabilities.ts'
import { CAPABILITIES } from '../../../src/spec/capabilities.ts'

test("the bits are those of the kernel's header", () => {
  const header = readFileSync('/usr/include/linux/capability.h', 'utf8')
  const defined = new Map(
    [...header.matchAll(/^#define (CAP_\w+)\s+(\d+)$/gm)].map(([, name, bit]) => [name, Number(bit)]),
  )
  for (const [bit, name] of CAPABILITIES.entries()) assert.equal(defined.get(name), bit, name)
})

test('masks of each set; none for what is absent', () => {
  assert.deepEqual(capabilityMasks({ bounding: ['CAP_CHOWN', 'CAP_CHECKPOINT_RESTORE'], ambient: ['CAP_NO_SUCH'] }), {
    bounding: (1n << 40n) | 1n,
    effective: 0n,
    inheritable: 0n,
    permitted: 0n,
    ambient: 0n,
  })
})

test('names for people', () => {
  assert.equal(describeCapabilities(0n), 'none')
  assert.equal(describeCapabilities(0b100001n), 'CAP_CHOWN, CAP_KILL')
  assert.equal(describeCapabilities((1n << BigInt(CAPABILITIES.length)) - 1n), 'all')
})

test('what cannot be granted: no name of a capability, or not held', () => {
  const held = 1n << 0n // CAP_CHOWN
  const capabilities = { bounding: ['CAP_CHOWN', 'CAP_KILL'], permitted: ['CAP_KILL', 'CAP_FUTURE'] }
  assert.deepEqual(ungrantableCapabilities(capabilities, held), ['CAP_KILL', 'CAP_FUTURE'])
  assert.deepEqual(ungrantableCapabilities(undefined, held), [])
})
