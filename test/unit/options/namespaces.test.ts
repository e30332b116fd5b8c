import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseNamespaces, containersToJoin } from '../../../src/options/namespaces.ts'
import type { ContainerOptions } from '../../../src/options/options.ts'

const typesOf = (options: ContainerOptions): string =>
  chooseNamespaces(options, {})
    .map(({ type }) => type)
    .join(' ')

test('a container has all namespaces for itself, but for those of the host that are asked for', () => {
  assert.equal(typesOf({}), 'pid network ipc uts mount cgroup')
  assert.equal(typesOf({ pid: 'host', ipc: 'host', uts: 'host', network: 'host', cgroupns: 'host' }), 'mount')
  assert.equal(typesOf({ ipc: 'shareable', pid: 'private' }), 'pid network ipc uts mount cgroup')
})

test('those of another container are joined by path', () => {
  const options = { pid: 'container:web', ipc: 'container:db' }
  assert.deepEqual(containersToJoin(options), { pid: 'web', ipc: 'db' })
  const [pid, , ipc] = chooseNamespaces(options, { pid: '/p', ipc: '/i' })
  assert.deepEqual(
    [pid, ipc],
    [
      { type: 'pid', path: '/p' },
      { type: 'ipc', path: '/i' },
    ],
  )
})

test('other modes are refused', () => {
  for (const options of [
    { pid: 'shareable' },
    { ipc: 'container:' },
    { uts: 'x' },
    { cgroupns: 'container:a' as 'host' },
  ])
    assert.throws(() => chooseNamespaces(options, {}), { code: 'INVALID_ARGUMENT' }, JSON.stringify(options))
})
