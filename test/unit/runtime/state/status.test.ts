import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openInit, signalInit } from '../../../../src/runtime/state/first-process.ts'
import { containerStatus, isAlive, readProcessStat } from '../../../../src/runtime/state/status.ts'
import { formatState } from '../../../../src/runtime/state.ts'
import { recordOf, temporaryDirectory } from './support.ts'

const own = readProcessStat(process.pid)!

test('reads a process by its last parenthesis, since its name may hold some', async () => {
  using root = temporaryDirectory()
  const name = join(root.path, 'a) Z 1 (b')
  writeFileSync(name, '#!/bin/sh\nread line\n', { mode: 0o755 })
  const child = spawn(name, { stdio: ['pipe', 'ignore', 'ignore'] })
  await once(child, 'spawn')
  await sleep(50)
  const stat = readProcessStat(child.pid!)
  assert.match(stat?.state ?? 'none', /^[RSD]$/)
  assert.ok(stat!.startTime >= own.startTime)
  child.stdin!.end()
  await once(child, 'exit')
  assert.equal(readProcessStat(child.pid!), undefined)
})

test('a process is the container’s only if it started when the container did', () => {
  const record = recordOf('box', { phase: 'created', pid: process.pid, pidStartTime: own.startTime })
  assert.equal(isAlive(record), true)
  const reused = { ...record, pidStartTime: own.startTime - 1 }
  assert.equal(isAlive(reused), false)
  assert.equal(openInit(reused), undefined)
  assert.equal(signalInit(reused, 0), false)
  assert.equal(containerStatus('/nowhere', reused), 'stopped')
})

test('no process has the number 0 or less: those would be a whole group', () => {
  for (const pid of [0, -1, 2 ** 22]) assert.equal(readProcessStat(pid), undefined)
})

test('a zombie has ended', async () => {
  const script = 'sleep 0.05 & echo $!; exec sleep 5'
  const parent = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [output] = await once(parent.stdout, 'data')
  const pid = Number(output)
  const startTime = readProcessStat(pid)!.startTime
  const record = recordOf('box', { phase: 'created', pid, pidStartTime: startTime })
  while (readProcessStat(pid)!.state !== 'Z') await sleep(5)
  assert.equal(isAlive(record), false)
  assert.equal(containerStatus('/nowhere', record), 'stopped')
  parent.kill('SIGKILL')
  await once(parent, 'exit')
})

test('running once init has executed something else; paused while its cgroup is frozen', () => {
  using root = temporaryDirectory()
  const cgroup = { mount: root.path, path: 'box' }
  const record = recordOf('box', { phase: 'created', pid: process.pid, pidStartTime: own.startTime, cgroup })
  assert.equal(containerStatus(root.path, record), 'running')
  mkdirSync(join(root.path, 'box'))
  writeFileSync(join(root.path, 'box/cgroup.freeze'), '1\n')
  assert.equal(containerStatus(root.path, record), 'paused')
  writeFileSync(join(root.path, 'box/cgroup.freeze'), '0\n')
  assert.equal(containerStatus(root.path, record), 'running')
})

test('state as runtime.md has it: no pid of a stopped container, no empty annotations', () => {
  const record = recordOf('box', { ociVersion: '1.3.0', bundle: '/b', rootfs: '/b/rootfs', pid: 7 })
  const { created } = record
  const common = { ociVersion: '1.3.0', id: 'box', bundle: '/b', rootfs: '/b/rootfs', created }
  assert.deepEqual(formatState(record, 'running'), { ...common, pid: 7, status: 'running' })
  assert.deepEqual(formatState({ ...record, annotations: { a: 'b' } }, 'stopped'), {
    ...common,
    pid: 0,
    status: 'stopped',
    annotations: { a: 'b' },
  })
})
