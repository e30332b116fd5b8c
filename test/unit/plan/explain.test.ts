import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOperation, explain, planToJson } from '../../../src/plan/explain.ts'
import type { Operation } from '../../../src/plan/ops.ts'
import { minimalSpec, only, planOf } from './support.ts'

type WithoutPointer<O> = O extends Operation ? Omit<O, 'pointer'> : never

const words = (operation: WithoutPointer<Operation>): string =>
  describeOperation({ pointer: '', ...operation } as Operation)

test('a line for each operation: stage, words, and the place in config.json', () => {
  const plan = planOf(minimalSpec({ mounts: [{ destination: '/proc', type: 'proc' }] }))
  const lines = explain(plan).split('\n')
  assert.equal(lines.length, plan.host.length + plan.join.length + plan.init.length)
  assert.match(lines[0]!, /^host {2}clone init into new mount namespaces +\/linux\/namespaces$/)
  assert.ok(lines.some(line => /^init {2}mount proc at \/proc +\/mounts\/0$/.test(line)))
  assert.ok(
    lines.some(line => line === 'init  create session'),
    'nothing stands behind what utsuwa itself asks for',
  )
})

test('details in the words of mount(8), numbers as people write them', () => {
  const options = ['rbind', 'ro', 'nodev', 'noatime', 'rnoexec', 'suid', 'rslave']
  const [bind] = only(planOf(minimalSpec({ mounts: [{ destination: '/b', source: '/a', options }] })), 'bind_at')
  assert.match(
    describeOperation(bind!),
    /^bind recursively \/a at \/b \(ro, nodev, noatime, rnoexec, not nosuid.*, rslave\)$/,
  )
  const rlimit = { op: 'set_rlimit', resource: 7, soft: 1024n, hard: 2n ** 64n - 1n } as const
  assert.equal(words(rlimit), 'set rlimit RLIMIT_NOFILE soft 1024 hard unlimited')
  const device = { op: 'make_device', path: '/d', mode: 0o020640, major: 1, minor: 3, uid: 0, gid: 6 } as const
  assert.equal(words(device), 'make device /d c 1:3 mode 0640 owner 0:6')
  const groups = new Uint8Array(Uint32Array.of(7, 9).buffer)
  assert.equal(words({ op: 'set_user', uid: 1, gid: 2, groups, umask: 0 }), 'set user 1:2 groups 7,9')
  assert.equal(words({ op: 'clone', flags: 0 }), "clone init into the caller's namespaces")
})

test('arguments are quoted where a shell would need it', () => {
  const exec = { op: 'exec', args: ['sh', '-c', 'echo "hi"\n'], env: [], preserveFds: 0 } as const
  assert.equal(words(exec), 'exec sh -c "echo \\"hi\\"\\n"')
})

test('JSON: 64-bit numbers in decimal, bytes in base64, stages in order', () => {
  const { host, init, ...rest } = JSON.parse(planToJson(planOf(minimalSpec(), { cgroupPath: '/x' })))
  assert.deepEqual(Object.keys(rest), ['join'])
  const program = host.find(({ op }: Operation) => op === 'attach_device_program').program
  assert.equal(Buffer.from(program, 'base64').length % 8, 0)
  assert.equal(init.find(({ op }: Operation) => op === 'set_capabilities').permitted, '0')
})
