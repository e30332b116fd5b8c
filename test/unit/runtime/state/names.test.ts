import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { isUtsuwaError, type UtsuwaErrorCode } from '../../../../src/errors.ts'
import {
  claimName,
  containersDirectory,
  namesDirectory,
  releaseName,
  resolveContainer,
} from '../../../../src/runtime/state/names.ts'
import { addRecord } from '../../../../src/runtime/state/record.ts'
import { recordOf, temporaryDirectory } from './support.ts'

const withCode = (code: UtsuwaErrorCode) => (error: unknown) => isUtsuwaError(error, code)

function add(runRoot: string, id: string, name?: string): Disposable {
  const managed = { name, image: undefined, command: [], storeRoot: undefined, removeOnExit: false }
  return addRecord(containersDirectory(runRoot), recordOf(id, { managed }))
}

test('a name belongs to one container until it is freed', () => {
  using root = temporaryDirectory()
  using _a = add(root.path, 'aaa', 'web')
  claimName(root.path, 'web', 'aaa')
  assert.throws(() => claimName(root.path, 'web', 'bbb'), withCode('CONTAINER_EXISTS'))
  assert.throws(() => claimName(root.path, 'web', 'bbb'), /the name is used by container aaa/)
  releaseName(root.path, 'web', 'aaa')
  claimName(root.path, 'web', 'bbb')
  assert.deepEqual(readdirSync(namesDirectory(root.path)), ['web'])
})

test('only the container that has a name frees it', () => {
  using root = temporaryDirectory()
  using _a = add(root.path, 'aaa', 'web')
  claimName(root.path, 'web', 'aaa')
  releaseName(root.path, 'web', 'bbb')
  assert.throws(() => claimName(root.path, 'web', 'bbb'), withCode('CONTAINER_EXISTS'))
  releaseName(root.path, 'other', 'aaa')
})

test('a name whose container is gone is free', () => {
  using root = temporaryDirectory()
  claimName(root.path, 'web', 'gone')
  assert.doesNotThrow(() => claimName(root.path, 'web', 'aaa'))
})

test('what is no name is refused', () => {
  using root = temporaryDirectory()
  for (const name of ['', '.x', '-x', 'a/b', '../x', 'a b', 'ä'])
    assert.throws(() => claimName(root.path, name, 'id'), withCode('INVALID_ARGUMENT'), JSON.stringify(name))
})

test('a container is found by name, id, or the beginning of its id; a name goes before a beginning', () => {
  using root = temporaryDirectory()
  using _a = add(root.path, 'abc1', 'web')
  using _b = add(root.path, 'abd2', 'abc')
  assert.equal(resolveContainer(root.path, 'web'), 'abc1')
  assert.equal(resolveContainer(root.path, 'abd2'), 'abd2')
  assert.equal(resolveContainer(root.path, 'abc1'), 'abc1')
  assert.equal(resolveContainer(root.path, 'abc'), 'abd2')
  assert.equal(resolveContainer(root.path, 'abd'), 'abd2')
  assert.throws(() => resolveContainer(root.path, 'ab'), withCode('INVALID_ARGUMENT'))
  assert.throws(() => resolveContainer(root.path, 'x'), withCode('CONTAINER_NOT_FOUND'))
})

test('nothing is the name of no container, also where there is only one', () => {
  using root = temporaryDirectory()
  using _a = add(root.path, 'abc1')
  assert.throws(() => resolveContainer(root.path, ''), withCode('CONTAINER_NOT_FOUND'))
})

test('a name that is freed and taken by others meanwhile is taken or refused, never an error of the file system', async () => {
  using root = temporaryDirectory()
  const directory = namesDirectory(root.path)
  claimName(root.path, 'web', 'gone')
  // Frees and takes the name as fast as it can, as other commands do.
  const script = `const { rmSync, symlinkSync } = require('node:fs')
    const end = Date.now() + 500
    while (Date.now() < end) {
      rmSync('${directory}/web', { force: true })
      try { symlinkSync('gone', '${directory}/web') } catch {}
    }`
  const other = spawn(process.execPath, ['-e', script], { stdio: 'ignore' })
  const ended = once(other, 'exit')
  let running = true
  void ended.then(() => {
    running = false
  })
  for (let round = 0; running; round++) {
    claimName(root.path, 'web', `mine-${round}`)
    releaseName(root.path, 'web', `mine-${round}`)
    if (round % 50 === 0) await setImmediate()
  }
  await ended
})
