import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileDeviceProgram, defaultDeviceRules } from '../../../../src/cgroup/limits/devices.ts'
import type { LinuxDeviceCgroup } from '../../../../src/spec/runtime.ts'

const TYPES = { b: 1, c: 2 }
const ACCESS: Record<string, number> = { m: 1, r: 2, w: 4 }

/** Runs a device program as the kernel would; knows the instructions that the compiler uses. */
function interpret(program: Uint8Array, context: readonly number[]): number {
  const view = new DataView(program.buffer)
  const registers = Array<number>(11).fill(0)
  for (let at = 0; at < program.length / 8; at++) {
    const op = view.getUint8(at * 8)
    const dst = view.getUint8(at * 8 + 1) & 0xf
    const offset = view.getInt16(at * 8 + 2, true)
    const immediate = view.getInt32(at * 8 + 4, true)
    const value = registers[dst]!
    if (op === 0x61) registers[dst] = context[offset / 4]!
    else if (op === 0x54) registers[dst] = (value & immediate) >>> 0
    else if (op === 0x74) registers[dst] = value >>> immediate
    else if (op === 0xb7) registers[dst] = immediate
    else if (op === 0x05) at += offset
    else if (op === 0x55) at += value !== immediate ? offset : 0
    else if (op === 0x45) at += (value & immediate) !== 0 ? offset : 0
    else if (op === 0x95) return registers[0]!
    else throw new Error(`opcode 0x${op.toString(16)} at ${at}`)
  }
  throw new Error('ran past the end of the program')
}

/** Every instruction must be reachable, or the kernel refuses the program. */
function assertAllReachable(program: Uint8Array): void {
  const view = new DataView(program.buffer)
  const reached = new Set<number>()
  const visit = (at: number): void => {
    if (reached.has(at)) return
    assert.ok(at < program.length / 8, 'jumps out of the program')
    reached.add(at)
    const op = view.getUint8(at * 8)
    const offset = view.getInt16(at * 8 + 2, true)
    if (op === 0x95) return
    if (op === 0x05 || op === 0x55 || op === 0x45) visit(at + 1 + offset)
    if (op !== 0x05) visit(at + 1)
  }
  visit(0)
  assert.equal(reached.size, program.length / 8, 'has unreachable instructions')
}

function allowed(rules: readonly LinuxDeviceCgroup[], request: string): boolean {
  const [type, device, access] = request.split(' ') as ['b' | 'c', string, string]
  const [major, minor] = device.split(':').map(Number) as [number, number]
  const bits = [...access].reduce((mask, letter) => mask | ACCESS[letter]!, 0)
  const program = compileDeviceProgram(rules)
  assertAllReachable(program)
  return interpret(program, [(bits << 16) | TYPES[type], major, minor]) === 1
}

test('denies what no rule allows', () => {
  assert.ok(!allowed([], 'c 1:3 r'))
  assert.ok(!allowed([{ allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' }], 'c 1:5 r'))
  assert.ok(!allowed([{ allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' }], 'b 1:3 r'))
})

test('absent members and −1 mean all', () => {
  assert.ok(allowed([{ allow: true }], 'b 8:0 rwm'))
  assert.ok(allowed([{ allow: true, type: 'a', access: 'rwm' }], 'c 10:200 rw'))
  assert.ok(allowed([{ allow: true, type: 'b', major: -1, minor: -1, access: 'r' }], 'b 8:0 r'))
  assert.ok(allowed([{ allow: true, type: 'c', major: 136, access: 'rw' }], 'c 136:77 rw'))
})

test('the last rule that matches decides', () => {
  const deny: LinuxDeviceCgroup = { allow: false, access: 'rwm' }
  const allow: LinuxDeviceCgroup = { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' }
  assert.ok(allowed([deny, allow], 'c 1:3 rw'))
  assert.ok(!allowed([deny, allow], 'c 1:3 m'))
  assert.ok(!allowed([allow, deny], 'c 1:3 r'))
})

test('each kind of access is decided on its own', () => {
  const rules: LinuxDeviceCgroup[] = [
    { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' },
    { allow: false, type: 'c', major: 1, minor: 3, access: 'w' },
  ]
  assert.ok(allowed(rules, 'c 1:3 r'))
  assert.ok(!allowed(rules, 'c 1:3 w'))
  assert.ok(!allowed(rules, 'c 1:3 rw'), 'reading alone was left')
  const parts: LinuxDeviceCgroup[] = [
    { allow: true, type: 'c', major: 1, access: 'r' },
    { allow: true, type: 'c', minor: 3, access: 'w' },
  ]
  assert.ok(allowed(parts, 'c 1:3 rw'))
  assert.ok(!allowed(parts, 'c 1:4 rw'))
  assert.ok(!allowed([{ allow: true, access: '' }], 'c 1:3 r'))
})

test('the default rules allow the usual devices, and to create all', () => {
  const rules: LinuxDeviceCgroup[] = [{ allow: false, access: 'rwm' }, ...defaultDeviceRules]
  for (const minor of [3, 5, 7, 8, 9]) assert.ok(allowed(rules, `c 1:${minor} rwm`))
  for (const device of ['5:0', '5:1', '5:2', '136:0', '136:9']) assert.ok(allowed(rules, `c ${device} rw`))
  assert.ok(allowed(rules, 'b 8:0 m'))
  for (const request of ['b 8:0 r', 'c 1:1 r', 'c 10:229 rw', 'b 8:0 rm']) assert.ok(!allowed(rules, request), request)
})

test('encodes struct bpf_insn', () => {
  assert.equal(
    Buffer.from(compileDeviceProgram([{ allow: true }]))
      .toString('hex')
      .match(/.{16}/g)!
      .join(' '),
    '6112000000000000 54020000ffff0000 6113000000000000 7403000010000000 6114040000000000 6115080000000000 b700000001000000 9500000000000000',
  )
})
