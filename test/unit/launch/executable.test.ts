import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseReport } from '../../../src/launch/conversation.ts'
import { diagnose, type ExecutableFile, parseExecutable } from '../../../src/launch/executable.ts'
import { errnos } from '../../../src/util/errno.ts'

const file = (path: string, head: string | Buffer, errno = 0): ExecutableFile => ({
  path,
  errno,
  head: Buffer.from(head),
})

/** The first bytes of an ELF file, as this machine or another writes it. */
function elf({ machine = 62, loader = '', bits = 64, bigEndian = false } = {}): Buffer {
  const head = Buffer.alloc(256)
  head.write('\x7fELF', 'latin1')
  head[4] = bits === 64 ? 2 : 1
  head[5] = bigEndian ? 2 : 1
  const u16 = (value: number, at: number) => (bigEndian ? head.writeUInt16BE(value, at) : head.writeUInt16LE(value, at))
  const word = (value: number, at: number) =>
    bits === 64
      ? bigEndian
        ? head.writeBigUInt64BE(BigInt(value), at)
        : head.writeBigUInt64LE(BigInt(value), at)
      : head.writeUInt32LE(value, at)
  u16(machine, 18)
  if (loader === '') return head
  const [table, size] = bits === 64 ? [64, 56] : [52, 32]
  word(table, bits === 64 ? 32 : 28)
  u16(size, bits === 64 ? 54 : 42)
  u16(1, bits === 64 ? 56 : 44)
  head.writeUInt32LE(3, table)
  word(160, table + (bits === 64 ? 8 : 4))
  word(loader.length + 1, table + (bits === 64 ? 32 : 16))
  head.write(`${loader}\0`, 160)
  return head
}

const machineOfThis = process.arch === 'arm64' ? 183 : 62
const other = process.arch === 'arm64' ? 62 : 183

test('what a file that was not executed lacks', () => {
  const script = file('/app/run', '#!/usr/bin/python3\n')
  const missing = (path: string) => file(path, '', errnos.ENOENT)
  const cases: [string, number, ExecutableFile[], string, RegExp][] = [
    [
      'an interpreter',
      errnos.ENOENT,
      [script, missing('/usr/bin/python3')],
      'missing_interpreter',
      /^its #! line names "\/usr\/bin\/python3", which is missing$/,
    ],
    [
      'one of an interpreter',
      errnos.ENOENT,
      [script, file('/usr/bin/python3', '#!/opt/py'), missing('/opt/py')],
      'missing_interpreter',
      /^the #! line of "\/usr\/bin\/python3" names "\/opt\/py"/,
    ],
    ['Unix line ends', errnos.ENOENT, [script, missing('/bin/sh\r')], 'crlf', /carriage return/],
    [
      'a loader',
      errnos.ENOENT,
      [file('/a', elf({ machine: machineOfThis, loader: '/lib64/ld-linux-x86-64.so.2' }))],
      'missing_loader',
      /^its ELF loader "\/lib64\/ld-linux-x86-64.so.2" is missing$/,
    ],
    [
      'a loader of 32 bits',
      errnos.ENOENT,
      [file('/a', elf({ bits: 32, machine: 3, loader: '/lib/ld-linux.so.2' }))],
      'missing_loader',
      /"\/lib\/ld-linux.so.2"/,
    ],
    [
      'a loader that was not sent',
      errnos.ENOENT,
      [file('/a', elf({ machine: machineOfThis }))],
      'missing_loader',
      /the ELF loader that it needs/,
    ],
    [
      'its interpreter’s loader',
      errnos.ENOENT,
      [script, file('/usr/bin/python3', elf({ loader: '/lib/ld-musl-x86_64.so.1' }))],
      'missing_loader',
      /its interpreter "\/usr\/bin\/python3": its ELF loader "\/lib\/ld-musl/,
    ],
    [
      'the machine',
      errnos.ENOEXEC,
      [file('/a', elf({ machine: other }))],
      'wrong_architecture',
      /built for (aarch64|x86_64), and this machine is (x86_64|aarch64)/,
    ],
    [
      'a machine that is big-endian',
      errnos.ENOEXEC,
      [file('/a', elf({ machine: 22, bigEndian: true }))],
      'wrong_architecture',
      /built for s390x/,
    ],
    [
      'a machine without a name',
      errnos.ENOEXEC,
      [file('/a', elf({ machine: 4242 }))],
      'wrong_architecture',
      /built for machine 4242/,
    ],
    ['soundness', errnos.ENOEXEC, [file('/a', elf({ machine: machineOfThis }))], 'not_a_program', /damaged/],
    ['content', errnos.ENOEXEC, [file('/a', '')], 'not_a_program', /is empty/],
    ['a #! line', errnos.ENOEXEC, [file('/a', 'echo hi\n')], 'not_a_program', /no #! line/],
    ['a #! at its beginning', errnos.ENOEXEC, [file('/a', '\ufeff#!/bin/sh\n')], 'not_a_program', /byte order mark/],
    [
      'an interpreter that may be executed',
      errnos.EACCES,
      [script, file('/usr/bin/python3', '', errnos.EACCES)],
      'interpreter_not_executable',
      /not executable/,
    ],
  ]
  for (const [what, errno, files, failure, reason] of cases) {
    const diagnosis = diagnose(errno, files)
    assert.equal(diagnosis?.failure, failure, what)
    assert.match(diagnosis?.reason ?? '', reason, what)
  }
})

test('nothing is said where nothing is known', () => {
  assert.equal(diagnose(errnos.ENOENT, []), undefined)
  assert.equal(diagnose(errnos.ENOENT, [file('/a', '', errnos.ENOENT)]), undefined)
  assert.equal(diagnose(errnos.ENOENT, [file('/a', 'text')]), undefined)
  assert.equal(diagnose(errnos.E2BIG, [file('/a', elf())]), undefined)
})

test('bytes that mean harm make an answer or none, and no exception', () => {
  const node = readFileSync(process.execPath).subarray(0, 4096)
  for (let size = 0; size < 512; size++) {
    const head = Buffer.from(node.subarray(0, size))
    diagnose(errnos.ENOENT, [file('/a', head)])
    for (let at = 16; at < head.length; at += 7) head[at] = 0xff
    for (const errno of [errnos.ENOENT, errnos.ENOEXEC]) diagnose(errno, [file('/a', head)])
  }
  const report = (text: string) => parseExecutable(parseReport(Buffer.concat([Buffer.alloc(12), Buffer.from(text)])))
  assert.deepEqual(report('/a\0#!'), { path: '/a', errno: 0, head: Buffer.from('#!') })
  assert.deepEqual(report('/a'), { path: '/a', errno: 0, head: Buffer.alloc(0) })
})
