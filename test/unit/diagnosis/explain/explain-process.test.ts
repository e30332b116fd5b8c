import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { explainProcess, findProcessMaker } from '../../../../src/diagnosis/explain/explain-process.ts'
import { temporaryDirectory } from '../../runtime/state/support.ts'

const id = 'ab'.repeat(32)

function makerOf(path: string, parent: string, v1: Readonly<Record<string, string>> = {}) {
  return findProcessMaker({ path, v1 }, [{ pid: 7, command: parent }])
}

test('the maker is found by the cgroup, and by the parent where the cgroup says nothing', () => {
  assert.equal(makerOf(`/docker/${id}`, '/usr/bin/containerd-shim-runc-v2 -id x')?.engine, 'docker')
  const shim = makerOf('/a/b', '/usr/bin/containerd-shim-runc-v2 -namespace k8s.io')
  assert.deepEqual([shim?.engine, shim?.id], ['containerd', undefined])
  assert.deepEqual(shim?.evidence, ['ancestor containerd-shim-runc-v2'])
  assert.equal(makerOf('/system.slice/job.service', '/usr/bin/conmon --api-version 1')?.engine, 'podman')
  assert.equal(makerOf('/', '/bin/bash'), undefined)
})

test('in a hybrid hierarchy the engine may be in v1 alone', () => {
  const maker = makerOf('/system.slice/docker.service', '/bin/sh', { memory: `/docker/${id}` })
  assert.deepEqual([maker?.engine, maker?.id], ['docker', id])
})

test('a plain process: its namespaces are ours, and so are the privileges', t => {
  using runRoot = temporaryDirectory()
  const child = spawn('sleep', ['1000'])
  t.after(() => child.kill('SIGKILL'))
  const { pid, ancestors, container, namespaces, privileges } = explainProcess(child.pid!, { runRoot: runRoot.path })
  assert.equal(pid, child.pid)
  assert.equal(ancestors[0]?.pid, process.pid)
  assert.equal(container, undefined)
  assert.ok(namespaces.length >= 7)
  for (const { isOwn, processes } of namespaces) assert.ok(isOwn && processes.includes(process.pid))
  assert.equal(privileges.uid, process.geteuid!())
})

test('what is neither a process nor a container is an error', () => {
  using runRoot = temporaryDirectory()
  for (const target of ['4194305', 'nobody'])
    assert.throws(() => explainProcess(target, { runRoot: runRoot.path }), { name: 'UtsuwaError' })
})
