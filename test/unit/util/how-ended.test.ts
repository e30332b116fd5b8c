/** Errors of programs that are started for something: each says how the program ended. */
import assert from 'node:assert/strict'
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { readArchive } from '../../../src/engine/files/archive.ts'
import { runPlugin } from '../../../src/network/plugins.ts'
import { askHelper } from '../../../src/registry/credential-helper.ts'
import { howEnded, programError, reasonOfEnd, signalName } from '../../../src/util/how-ended.ts'

const directory = mkdtempSync(join(tmpdir(), 'utsuwa-ended-'))
const { PATH, CNI_PATH } = process.env
after(() => {
  rmSync(directory, { recursive: true })
  Object.assign(process.env, { PATH })
  if (CNI_PATH === undefined) delete process.env.CNI_PATH
  else process.env.CNI_PATH = CNI_PATH
})
beforeEach(() => Object.assign(process.env, { PATH: `${directory}:${PATH}`, CNI_PATH: directory }))

/** A program of that name, found before the machine's. */
function program(name: string, script: string): void {
  const path = join(directory, name)
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
}

async function archive(): Promise<void> {
  const fd = openSync(directory, 'r')
  try {
    await Array.fromAsync(readArchive(fd, 'export container box'))
  } finally {
    closeSync(fd)
  }
}

test('by a status, or by a signal', () => {
  assert.equal(howEnded({ code: 2, signal: null }), 'exit status 2')
  assert.equal(howEnded({ code: null, signal: 'SIGKILL' }), 'killed by SIGKILL')
  assert.deepEqual([9, 37].map(signalName), ['SIGKILL', 'SIGRTMIN+3'])
})

test('what it complained of is the reason, unless it was killed', () => {
  assert.equal(reasonOfEnd('cp', { code: 1, signal: null }, 'cp: no\nmore'), 'cp: no')
  assert.equal(reasonOfEnd('cp', { code: 1, signal: null }, ' '), 'cp: exit status 1')
  assert.equal(reasonOfEnd('cp', { code: null, signal: 'SIGKILL' }, 'half'), 'cp: killed by SIGKILL: half')
  const full = programError('cp', { code: 1, signal: null }, 'cp: x: No space left on device', 'copy x')
  assert.deepEqual([full.code, full.message], ['NO_SPACE', 'copy x: cp: x: No space left on device'])
})

test('a plugin that is killed', async () => {
  program('killed', 'kill -KILL $$')
  await assert.rejects(runPlugin('killed', { command: 'ADD' }, {}), {
    code: 'CNI_FAILED',
    message: 'add by CNI plugin killed: killed: killed by SIGKILL',
  })
})

test('a credential helper that is killed', async () => {
  program('docker-credential-killed', 'kill -KILL $$')
  await assert.rejects(askHelper('killed', 'registry.example'), {
    code: 'REGISTRY_UNAUTHORIZED',
    message: 'run docker-credential-killed: killed by SIGKILL',
  })
})

test('tar that is killed, that cannot read, and that lacks options: only the last is not supported', async () => {
  program('tar', 'kill -KILL $$')
  await assert.rejects(archive(), {
    code: 'KERNEL_OPERATION_FAILED',
    message: 'export container box: tar: killed by SIGKILL',
  })
  program('tar', 'echo "tar: ./x: Cannot open: Input/output error" >&2; exit 2')
  await assert.rejects(archive(), { code: 'KERNEL_OPERATION_FAILED', message: /tar: \.\/x: Cannot open: Input/ })
  // The status is that of files that changed, and busybox's for everything.
  program('tar', `echo "tar: unrecognized option '--format=pax'" >&2; exit 1`)
  await assert.rejects(archive(), { code: 'UNSUPPORTED', hint: 'install GNU tar' })
  program('tar', 'echo "tar: ./x: file changed as we read it" >&2; exit 1')
  await archive()
})
