import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUtsuwaError } from '../../../src/errors.ts'
import { BPF, BpfAssembler, Label } from '../../../src/seccomp/bpf.ts'
import { interpret } from './interpreter.ts'

test('encodes struct sock_filter', () => {
  const asm = new BpfAssembler()
  const end = new Label()
  asm.load(4)
  asm.branch(BPF.JUMP_EQ, 0xc000003e, { ifTrue: end })
  asm.return(0)
  asm.place(end)
  asm.return(0x7fff0000)
  assert.equal(
    Buffer.from(asm.assemble()).toString('hex').match(/.{16}/g)!.join(' '),
    '2000000004000000 150001003e0000c0 0600000000000000 060000000000ff7f',
  )
})

for (const distance of [254, 255, 256, 257, 600]) {
  test(`reaches over ${distance} instructions on both sides of a branch`, () => {
    for (const swapped of [false, true]) {
      const asm = new BpfAssembler()
      const [near, far] = [new Label(), new Label()]
      asm.load(0)
      asm.branch(BPF.JUMP_GE, 100, swapped ? { ifTrue: near, ifFalse: far } : { ifTrue: far, ifFalse: near })
      for (let n = 0; n < distance; n++) asm.return(9)
      asm.place(near)
      asm.return(1)
      for (let n = 0; n < distance; n++) asm.return(9)
      asm.place(far)
      asm.return(2)
      const program = asm.assemble()
      assert.equal(interpret(program, { nr: 100, arch: 0 }), swapped ? 1 : 2)
      assert.equal(interpret(program, { nr: 99, arch: 0 }), swapped ? 2 : 1)
    }
  })
}

test('refuses a program longer than the kernel takes', () => {
  const asm = new BpfAssembler()
  for (let n = 0; n < 4096; n++) asm.return(0)
  assert.equal(asm.assemble().length, 4096 * 8)
  asm.return(0)
  assert.throws(
    () => asm.assemble(),
    error =>
      isUtsuwaError(error, 'LIMIT_EXCEEDED') &&
      error.message === 'assemble seccomp filter: 4097 instructions, the kernel takes 4096',
  )
})
