/** A command that the kernel does not execute: what is wrong with it, said of the very file. */
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type CommandFailure, isUtsuwaError, type RunOptions, run, type UtsuwaErrorCode } from '../../../src/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())

const program = (name: string, content: string | Buffer, mode = 0o755): string => {
  writeFileSync(join(sandbox.rootfs, 'bin', name), content, { mode })
  return `/bin/${name}`
}

/** A static program of this machine that says it is of another. */
function foreignProgram(): Buffer {
  const bytes = readFileSync('/bin/busybox')
  bytes.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18)
  return bytes
}

async function refuses(
  command: string,
  expected: [UtsuwaErrorCode, CommandFailure | undefined, RegExp],
  options: RunOptions = {},
): Promise<void> {
  const running = run({
    rootfs: sandbox.rootfs,
    runRoot: sandbox.runRoot,
    args: [command],
    stdio: 'ignore',
    ...options,
  })
  await assert.rejects(running, (error: unknown) => {
    assert.ok(isUtsuwaError(error), String(error))
    assert.deepEqual([error.code, error.failure], expected.slice(0, 2), error.message)
    assert.match(error.message, expected[2])
    return true
  })
}

test('no such file', async () => {
  await refuses('nope', ['COMMAND_NOT_FOUND', 'not_in_path', /"nope": executable file not found in \$PATH/])
  await refuses('/nope', ['COMMAND_NOT_FOUND', 'missing_file', /stat \/nope: no such file or directory/])
})

test('no file that may be executed', async () => {
  await refuses('/bin', ['COMMAND_NOT_EXECUTABLE', 'directory', /permission denied: is a directory/])
  const plain = program('plain', '#!/bin/sh\n', 0o644)
  await refuses(plain, ['COMMAND_NOT_EXECUTABLE', 'not_executable', /permission denied/])
  const roots = program('roots', '#!/bin/sh\n', 0o700)
  await refuses(roots, ['COMMAND_NOT_EXECUTABLE', 'not_executable', /permission denied/], { user: 'alice' })
})

test('an interpreter that is missing, or may not be executed', async () => {
  const missing =
    /^exec \/bin\/script: its #! line names "\/no\/such", which is missing: ENOENT \(no such file or directory\)/
  await refuses(program('script', '#! /no/such -x\n'), ['COMMAND_NOT_FOUND', 'missing_interpreter', missing])
  const nested = /the #! line of "\/bin\/script" names "\/no\/such", which is missing/
  await refuses(program('nested', '#!/bin/script\n'), ['COMMAND_NOT_FOUND', 'missing_interpreter', nested])
  program('text', 'x', 0o644)
  const denied = /its #! line names "\/bin\/text", which is not executable: EACCES \(permission denied\)/
  const script = program('through-text', '#!/bin/text\n')
  await refuses(script, ['COMMAND_NOT_EXECUTABLE', 'interpreter_not_executable', denied])
})

test('line ends of another system', async () => {
  const crlf = program('crlf', '#!/bin/sh\r\necho hi\r\n')
  await refuses(crlf, ['COMMAND_NOT_FOUND', 'crlf', /its #! line ends in a carriage return.*"\/bin\/sh\\r"/])
})

test('a program whose dynamic loader is missing', async () => {
  copyFileSync('/bin/true', join(sandbox.rootfs, 'bin/dynamic'))
  const loader =
    /^exec \/bin\/dynamic: its ELF loader "\/lib.*\/ld-linux.*" is missing: ENOENT \(no such file or directory\)/
  await refuses('dynamic', ['COMMAND_NOT_FOUND', 'missing_loader', loader])
  const script = program('through-dynamic', '#!/bin/dynamic\n')
  const interpreter = /its interpreter "\/bin\/dynamic": its ELF loader .* is missing/
  await refuses(script, ['COMMAND_NOT_FOUND', 'missing_loader', interpreter])
})

test('no program for this machine', async () => {
  const foreign = /built for (aarch64|x86_64), and this machine is (x86_64|aarch64): ENOEXEC \(exec format error\)/
  await refuses(program('foreign', foreignProgram()), ['COMMAND_NOT_EXECUTABLE', 'wrong_architecture', foreign])
  await refuses(program('empty', ''), ['COMMAND_NOT_EXECUTABLE', 'not_a_program', /it is empty/])
  await refuses(program('lines', 'echo hi\n'), ['COMMAND_NOT_EXECUTABLE', 'not_a_program', /has no #! line/])
})

test('a file that may be executed and not read says what the kernel says', async () => {
  const secret = program('secret', 'echo hi\n', 0o711)
  await refuses(secret, ['COMMAND_NOT_EXECUTABLE', 'not_a_program', /may not be read: ENOEXEC/], { user: 'alice' })
})

test('a seccomp filter that kills for looking does not hide that the command did not run', async () => {
  const profile = join(sandbox.scratch, 'no-open.json')
  mkdirSync(sandbox.scratch, { recursive: true })
  const names = ['open', 'openat', 'stat', 'newfstatat', 'faccessat2']
  const rules = [{ names, action: 'SCMP_ACT_KILL_PROCESS' }]
  writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: rules }))
  const script = program('watched', '#!/no/such\n')
  const options = { securityOpt: [`seccomp=${profile}`] }
  await refuses(script, ['COMMAND_NOT_FOUND', undefined, /ENOENT \(no such file or directory\)/], options)
})
