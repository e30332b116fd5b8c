import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOom } from '../../../../src/cli/print/oom.ts'

const container = { id: 'ab'.repeat(32), name: undefined }

test('the limit of the container is named with its size', () => {
  assert.equal(
    describeOom(container, { exitCode: 137, oom: { level: 'container', kills: 1 } }, '64m'),
    'container abababababab was killed: memory.max (64 MiB) of this container was hit',
  )
})

test('a container that went on says how many processes it lost', () => {
  assert.equal(
    describeOom({ ...container, name: 'box' }, { exitCode: 0, oom: { level: 'container', kills: 2 } }, undefined),
    '2 processes of container box were killed: memory.max of this container was hit',
  )
})

test('a limit above the container is not blamed on it', () => {
  assert.match(
    describeOom(container, { exitCode: 137, oom: { level: 'ancestor', kills: 1, cgroup: '/batch' } }, '64m'),
    /was killed: memory\.max of \/batch, a cgroup above this container, was hit/,
  )
  assert.match(
    describeOom(container, { exitCode: 137, oom: { level: 'ancestor', kills: 1 } }, '64m'),
    /was killed: the machine's memory was used up/,
  )
})
