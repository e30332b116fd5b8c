/** `utsuwa plan`, `doctor`, `help`: commands that only look. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readCgroupHierarchy } from '../../../src/cgroup/hierarchy.ts'
import { makeBusyboxRoot, openWorkplace, utsuwaPath } from '../../support/command-line.ts'

test('a plan has a line for each operation, and makes nothing', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  const { exitCode, stdout } = await workplace.utsuwa('plan', '-h', 'vessel', '--rootfs', rootfs, 'id')
  assert.equal(exitCode, 0)
  assert.match(stdout, /^host +clone init into new .* namespaces +\/linux\/namespaces$/m)
  assert.match(stdout, /^init +set hostname vessel +\/hostname$/m)
  assert.match(stdout, /^init +exec id +\/process\/args$/m)
  assert.ok(!existsSync(workplace.runRoot))
})

test('a plan as JSON has the three stages', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  const { stdout } = await workplace.utsuwa('plan', '--json', '--rootfs', rootfs, 'id')
  const plan = JSON.parse(stdout) as Record<string, { op: string }[]>
  assert.deepEqual(Object.keys(plan), ['host', 'join', 'init'])
  assert.equal(plan.init?.at(-1)?.op, 'exec')
})

test('a plan does not steer the terminal by the command of an image', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  const command = 'a\u009bb\u202ec'
  const { stdout } = await workplace.utsuwa('plan', '--rootfs', rootfs, 'echo', command)
  assert.match(stdout, /exec echo "a\uFFFDb\uFFFDc"/)
  const { stdout: json } = await workplace.utsuwa('plan', '--json', '--rootfs', rootfs, 'echo', command)
  assert.doesNotMatch(json, /[\u009b\u202e]/)
  const { init } = JSON.parse(json) as { init: { op: string; args?: string[] }[] }
  assert.deepEqual(init.find(({ op }) => op === 'exec')?.args, ['echo', command])
})

test('planning needs no privileges', () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  const copy = spawnSync('chmod', ['-R', 'a+rX', workplace.directory])
  assert.equal(copy.status, 0)
  const words = [utsuwaPath, ...workplace.argv('plan', '--rootfs', rootfs, 'id')]
  const { status, stderr } = spawnSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', '--', ...words])
  assert.equal(status, 0, String(stderr))
})

test('the doctor has a line for each finding, and fails when something needed is missing', async () => {
  using workplace = openWorkplace()
  const text = await workplace.utsuwa('doctor')
  for (const line of text.stdout.trim().split('\n')) assert.match(line, /^(ok|warn|fail) +\S/)
  const json = await workplace.utsuwa('doctor', '--json')
  const findings = JSON.parse(json.stdout) as { id: string; status: string; message: string; fix?: string }[]
  assert.equal(json.exitCode, findings.some(({ status }) => status === 'fail') ? 1 : 0)
  for (const { status, fix, message } of findings) assert.equal(fix === undefined, status === 'ok', message)
  const find = (id: string) => findings.find(finding => finding.id === id)
  assert.equal(find('namespace.mount')?.status, 'ok')
  const { mode, v1Controllers } = readCgroupHierarchy()
  assert.equal(find('cgroup')?.status, mode === 'unified' ? 'ok' : 'warn')
  if (v1Controllers.includes('memory')) assert.equal(find('cgroup.memory')?.status, 'fail')
})

test('every command has a help', async () => {
  using workplace = openWorkplace()
  const { stdout } = await workplace.utsuwa('--help')
  for (const name of ['pull', 'images', 'rmi', 'run', 'ps', 'rm', 'plan', 'doctor']) {
    assert.match(stdout, new RegExp(`^  ${name} `, 'm'))
    const help = await workplace.utsuwa(name, '--help')
    assert.equal(help.exitCode, 0)
    assert.match(help.stdout, new RegExp(`^Usage: utsuwa ${name}`))
  }
})

test('the version is the package’s', async () => {
  using workplace = openWorkplace()
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  assert.equal((await workplace.utsuwa('--version')).stdout.trim(), version)
})
