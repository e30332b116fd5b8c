/** `update`: flags and documents end up in the files of the cgroup, and what they leave out stays. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readCgroupHierarchy } from '../../../src/cgroup/hierarchy.ts'
import { isOurs, Playground } from './runtime.ts'

const MIB = 1024 * 1024

/** A created container with 64 MiB of memory, 96 with swap; and a reader of its cgroup's files. */
async function limitedContainer(ground: Playground) {
  ground.configure(['sleep', '1000'], spec => {
    spec.linux!.resources = { ...spec.linux!.resources, memory: { limit: 64 * MIB, swap: 96 * MIB } }
  })
  const id = await ground.create()
  const { pid } = await ground.state(id)
  const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))![1]!
  const directory = join(readCgroupHierarchy().mountHostPath!, path)
  return { id, file: (name: string) => readFileSync(join(directory, name), 'utf8').trim() }
}

test('flags, one at a time', async t => {
  const ground = new Playground(t)
  const { id, file } = await limitedContainer(ground)
  await ground.succeed(['update', '--memory', '80m', '--memory-reservation', '32m', '--pids-limit', '20', id])
  assert.deepEqual(
    ['memory.max', 'memory.swap.max', 'memory.low', 'pids.max'].map(file),
    [80 * MIB, 32 * MIB, 32 * MIB, 20].map(String),
  )
  await ground.succeed(['update', '--memory', '80m', '--memory-swap', '90m', id])
  assert.equal(file('memory.swap.max'), String(10 * MIB))
  await ground.succeed(['update', '--cpu-quota', '20000', '--cpu-period', '50000', id])
  assert.equal(file('cpu.max'), '20000 50000')
  if (isOurs) {
    await ground.succeed(['update', '--cpu-quota', '30000', '--cpu-burst', '10000', id])
    assert.deepEqual(['cpu.max', 'cpu.max.burst'].map(file), ['30000 50000', '10000'])
    await ground.succeed(['update', '--cpu-idle', '1', id])
    assert.equal(file('cpu.idle'), '1')
  }
  await ground.succeed(['update', '--memory', '-1', id])
  assert.deepEqual(['memory.max', 'memory.swap.max'].map(file), ['max', 'max'])
  const refused = await ground.call(['update', '--memory', 'much', id])
  assert.notEqual(refused.status, 0)
  assert.equal(file('memory.max'), 'max')
})

test('a document: from a file or standard input, where 0 leaves a limit as it is', async t => {
  const ground = new Playground(t)
  const { id, file } = await limitedContainer(ground)
  const path = join(ground.directory, 'resources.json')
  const resources = {
    memory: { limit: 48 * MIB, reservation: 0 },
    cpu: { shares: 0, quota: 25_000, period: 0, cpus: '' },
    pids: { limit: 30 },
    unified: { 'memory.high': String(40 * MIB) },
  }
  writeFileSync(path, JSON.stringify(resources))
  await ground.succeed(['update', '--resources', path, id])
  assert.deepEqual(['memory.max', 'memory.swap.max', 'memory.high', 'cpu.max', 'cpu.weight', 'pids.max'].map(file), [
    String(48 * MIB),
    String(32 * MIB),
    String(40 * MIB),
    '25000 100000',
    '100',
    '30',
  ])
  assert.notEqual((await ground.call(['update', '-r', `${path}.missing`, id])).status, 0)
  await ground.succeed(['delete', '--force', id])
  assert.match((await ground.call(['update', '-r', path, id])).stderr, /does not exist/)
})
