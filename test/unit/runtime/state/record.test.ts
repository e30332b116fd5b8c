import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isUtsuwaError, type UtsuwaErrorCode } from '../../../../src/errors.ts'
import {
  addRecord,
  checkContainerId,
  findRecord,
  isLocked,
  listRecords,
  lockContainer,
  readRecord,
  readSpec,
} from '../../../../src/runtime/state/record.ts'
import { containerStatus } from '../../../../src/runtime/state/status.ts'
import { recordOf, temporaryDirectory } from './support.ts'

const withCode = (code: UtsuwaErrorCode) => (error: unknown) => isUtsuwaError(error, code)

async function addInChild(stateRoot: string, id: string): Promise<{ child: ChildProcess; said: string }> {
  const program = join(import.meta.dirname, 'add-and-wait.ts')
  const child = spawn(process.execPath, [program, stateRoot, id], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = await once(child.stdout, 'data')
  return { child, said: String(said) }
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

test('a record is there at once, whole, and locked', () => {
  using root = temporaryDirectory()
  const record = recordOf('box', { bundle: '/b' })
  const locked = addRecord(root.path, record)
  assert.deepEqual(readRecord(root.path, 'box'), JSON.parse(JSON.stringify(record)))
  assert.equal(isLocked(root.path, 'box'), true)
  assert.equal(statSync(join(root.path, 'box')).mode & 0o777, 0o711)
  assert.equal(statSync(join(root.path, 'box/state.json')).mode & 0o777, 0o600)
  locked[Symbol.dispose]()
  assert.equal(isLocked(root.path, 'box'), false)
})

test('an id is taken once', () => {
  using root = temporaryDirectory()
  using _first = addRecord(root.path, recordOf('box', { bundle: '/first' }))
  assert.throws(() => addRecord(root.path, recordOf('box')), withCode('CONTAINER_EXISTS'))
  assert.throws(
    () => addRecord(root.path, recordOf('box')),
    /create container box: container with given ID already exists/,
  )
  assert.equal(readRecord(root.path, 'box').bundle, '/first')
  assert.deepEqual(readdirSync(root.path), ['box'], 'the loser leaves nothing')
})

test('of two processes that want the same id one gets it', async () => {
  using root = temporaryDirectory()
  const racers = await Promise.all(Array.from({ length: 2 }, () => addInChild(root.path, 'box')))
  try {
    assert.deepEqual(racers.map(({ said }) => said).sort(), ['CONTAINER_EXISTS', 'added'])
    assert.deepEqual(readdirSync(root.path), ['box'])
  } finally {
    await Promise.all(racers.map(({ child }) => kill(child)))
  }
})

test('nobody takes the new directory of another for a leftover', async () => {
  using root = temporaryDirectory()
  const program = join(import.meta.dirname, 'add-and-remove.ts')
  const callers = Array.from({ length: 3 }, (_, caller) =>
    spawn(process.execPath, [program, root.path, `box-${caller}`, '400'], { stdio: ['ignore', 'ignore', 'inherit'] }),
  )
  for (const [status] of await Promise.all(callers.map(child => once(child, 'exit')))) assert.equal(status, 0)
  assert.deepEqual(readdirSync(root.path), [])
})

test('a creator that was killed leaves a record that has stopped, and no lock', async () => {
  using root = temporaryDirectory()
  const { child, said } = await addInChild(root.path, 'box')
  assert.equal(said, 'added')
  assert.equal(containerStatus(root.path, readRecord(root.path, 'box')), 'creating')
  await kill(child)
  assert.equal(isLocked(root.path, 'box'), false)
  assert.equal(containerStatus(root.path, readRecord(root.path, 'box')), 'stopped')
})

test('what a creator killed before the rename left is collected by the next; what one still works on is not', () => {
  using root = temporaryDirectory()
  mkdirSync(join(root.path, '.new-0123456789abcdef'))
  writeFileSync(join(root.path, '.new-0123456789abcdef/state.json'), '{')
  assert.deepEqual(listRecords(root.path), [])
  using _locked = addRecord(root.path, recordOf('box'))
  assert.deepEqual(readdirSync(root.path), ['box'])
})

test('a lock waits for its holder', async () => {
  using root = temporaryDirectory()
  const first = addRecord(root.path, recordOf('box'))
  const second = lockContainer(root.path, 'box')
  assert.equal(await Promise.race([second.then(() => 'locked'), sleep(50, 'waiting')]), 'waiting')
  first[Symbol.dispose]()
  using _held = await second
  assert.equal(isLocked(root.path, 'box'), true)
})

test('a container that is deleted while somebody waits for its lock is not found', async () => {
  using root = temporaryDirectory()
  const first = addRecord(root.path, recordOf('box'))
  const second = assert.rejects(lockContainer(root.path, 'box'), withCode('CONTAINER_NOT_FOUND'))
  await sleep(20)
  first.remove()
  first[Symbol.dispose]()
  await second
  assert.equal(findRecord(root.path, 'box'), undefined)
})

test('a deleted id that is made anew is another container: a lock is of the directory, not of the name', async () => {
  using root = temporaryDirectory()
  using first = addRecord(root.path, recordOf('box'))
  first.remove()
  using _second = addRecord(root.path, recordOf('box'))
  first[Symbol.dispose]()
  assert.equal(isLocked(root.path, 'box'), true)
})

test('records are replaced as a whole', () => {
  using root = temporaryDirectory()
  using locked = addRecord(root.path, recordOf('box'))
  locked.write(recordOf('box', { pid: 7 }))
  assert.equal(readRecord(root.path, 'box').pid, 7)
  assert.deepEqual(readdirSync(join(root.path, 'box')), ['state.json'])
  assert.doesNotThrow(() => JSON.parse(readFileSync(join(root.path, 'box/state.json'), 'utf8')))
})

test('ids that are no plain file name are refused', () => {
  for (const id of ['', '.', '..', 'a/b', '../x', 'a b', 'ä', '.new-x', '.seccomp', 'x'.repeat(1025), 'a\n'])
    assert.throws(() => checkContainerId(id), withCode('INVALID_ARGUMENT'), JSON.stringify(id))
  for (const id of ['a', 'A-b_c.d+e', '0'.repeat(64), '.hidden']) assert.doesNotThrow(() => checkContainerId(id))
})

test('a container that is being created has no spec yet, and the error says so', () => {
  using root = temporaryDirectory()
  addRecord(root.path, recordOf('box'))[Symbol.dispose]()
  assert.throws(() => readSpec(root.path, 'box'), {
    code: 'CONTAINER_STATE',
    message: /^read the spec of container box: /,
  })
})

test('no such container, no state root, files that are no container', async () => {
  using root = temporaryDirectory()
  assert.throws(() => readRecord(root.path, 'box'), withCode('CONTAINER_NOT_FOUND'))
  assert.throws(() => readRecord(root.path, 'box'), { message: 'find container box: container does not exist' })
  assert.throws(() => readSpec(root.path, 'box'), { message: 'find container box: container does not exist' })
  await assert.rejects(lockContainer(root.path, 'box'), withCode('CONTAINER_NOT_FOUND'))
  assert.deepEqual(listRecords(join(root.path, 'none')), [])
  writeFileSync(join(root.path, 'file'), '')
  mkdirSync(join(root.path, 'empty'))
  assert.deepEqual(listRecords(root.path), [])
})
