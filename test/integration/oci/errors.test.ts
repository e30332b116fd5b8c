/** What goes wrong: exit codes, and the texts that engines look for. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isOurs, type Outcome, Playground } from './runtime.ts'

function assertFailed({ status, stderr }: Outcome, pattern: RegExp): void {
  assert.equal(status, 1, stderr)
  assert.match(stderr, pattern)
}

test('a container that does not exist', async t => {
  const ground = new Playground(t)
  const id = ground.newId()
  for (const words of [
    ['state', id],
    ['start', id],
    ['kill', id, 'TERM'],
    ['delete', id],
  ])
    assertFailed(await ground.call(words), /container does not exist/)
  await ground.succeed(['delete', '--force', id])
})

test('an id that is in use', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = await ground.create()
  assertFailed(await ground.call(['create', '-b', ground.bundle, id]), /container with given ID already exists/)
  assert.equal((await ground.state(id)).status, 'created')
})

test('ids that are no names', async t => {
  const ground = new Playground(t)
  ground.configure(['true'])
  for (const id of ['', '.', '..', '../x', 'a/b', 'a b'])
    assertFailed(await ground.call(['create', '-b', ground.bundle, id]), /invalid (container )?id format|empty/i)
})

test('states in which a verb makes no sense', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = await ground.create()
  await ground.succeed(['start', id])
  assertFailed(await ground.call(['start', id]), /cannot start an already running container/)
  assertFailed(await ground.call(['delete', id]), /is not stopped: running/)
  await ground.succeed(['kill', id, 'KILL'])
  await ground.waitFor(id, 'stopped')
  assertFailed(await ground.call(['kill', id, 'TERM']), /container not running/)
  assertFailed(await ground.call(['start', id]), /cannot start a container that has stopped/)
})

test('a signal that does not exist', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = await ground.create()
  assertFailed(await ground.call(['kill', id, 'NOSUCH']), /unknown signal/)
})

test('a command that cannot be executed leaves no container', async t => {
  const ground = new Playground(t)
  const plain = join(ground.bundle, 'rootfs/bin/plain')
  writeFileSync(plain, 'text')
  chmodSync(plain, 0o644)
  for (const [args, pattern] of [
    [['nosuch'], /executable file not found in \$PATH/],
    [['/bin/nosuch'], /no such file or directory/],
    [['/bin/plain'], /permission denied/],
    [['/bin'], /is a directory|permission denied/],
  ] as const) {
    ground.configure(args)
    const id = ground.newId()
    assertFailed(await ground.call(['create', '-b', ground.bundle, id]), pattern)
    assertFailed(await ground.call(['state', id]), /does not exist/)
  }
})

test('no bundle, no JSON, no valid configuration', async t => {
  const ground = new Playground(t)
  const id = ground.newId()
  assertFailed(await ground.call(['create', '-b', join(ground.directory, 'nowhere'), id]), /nowhere/)
  assertFailed(await ground.call(['create', '-b', ground.bundle, id]), /config\.json/)
  writeFileSync(join(ground.bundle, 'config.json'), '{ "ociVersion": ')
  assertFailed(await ground.call(['create', '-b', ground.bundle, id]), isOurs ? /JSON/ : /unexpected EOF/)
  ground.configure([], spec => {
    spec.process!.cwd = 'relative'
  })
  assertFailed(await ground.call(['create', '-b', ground.bundle, id]), isOurs ? /\[\/process\/\w+\]/ : /must/)
})

test('words that are no command line', async t => {
  const ground = new Playground(t)
  assertFailed(await ground.call(['create', '--nope', 'x']), /flag provided but not defined: -nope/)
  assertFailed(await ground.call(['create']), /\\?"create\\?" requires exactly 1 argument/)
  assertFailed(await ground.call(['kill', '--all=perhaps', 'x']), /invalid boolean value \\?"perhaps\\?" for -all/)
  assert.notEqual((await ground.call(['frobnicate'])).status, 0)
})

test('with --log the error is the last record, in JSON when asked for, and on standard error too', async t => {
  const ground = new Playground(t)
  const log = join(ground.directory, 'log')
  const { stderr } = await ground.call(['--log', log, '--log-format', 'json', 'state', ground.newId()])
  assert.match(stderr, /does not exist/)
  const record = JSON.parse(readFileSync(log, 'utf8').trim().split('\n').at(-1) ?? '') as Record<string, string>
  assert.equal(record.level, 'error')
  assert.match(record.msg ?? '', /container does not exist/)
  assert.match(record.time ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/)
})

test('without --log the record is text on standard error, one line', async t => {
  const ground = new Playground(t)
  const { stderr } = await ground.call(['state', ground.newId()])
  assert.match(stderr, /^time="[^"]+" level=error msg="[^\n]*container does not exist"[^\n]*\n$/)
})

test('a pid file that cannot be written undoes the create', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = ground.newId()
  assertFailed(await ground.call(['create', '-b', ground.bundle, '--pid-file', '/nowhere/pid', id]), /\/nowhere\/.*pid/)
  assertFailed(await ground.call(['state', id]), /does not exist/)
})

test('a failed create leaves neither state nor cgroup', async t => {
  const ground = new Playground(t)
  const cgroup = `/utsuwa-test-${process.pid}`
  ground.configure(['true'], spec => {
    spec.linux = { ...spec.linux, cgroupsPath: cgroup }
    spec.mounts!.push({ destination: '/x', type: 'bind', source: '/no/such/directory', options: ['bind'] })
  })
  assertFailed(await ground.call(['create', '-b', ground.bundle, ground.newId()]), /no such file or directory/i)
  mkdirSync(ground.stateRoot, { recursive: true })
  assert.deepEqual(readdirSync(ground.stateRoot), [])
  for (const mount of ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'])
    assert.ok(!existsSync(mount + cgroup), mount + cgroup)
})

test('an id map that the kernel refuses is an error, and nobody waits for it', async t => {
  const ground = new Playground(t)
  ground.configure(['true'], spec => {
    spec.linux!.namespaces!.push({ type: 'user' })
    const overlapping = [0, 5].map(id => ({ containerID: id, hostID: 100_000 + id, size: 10 }))
    Object.assign(spec.linux!, { uidMappings: overlapping, gidMappings: overlapping })
  })
  assertFailed(await ground.call(['run', '-b', ground.bundle, ground.newId()]), isOurs ? /write uid_map .*EINVAL/ : /./)
})

test('start finds init killed, while it waits and while a hook runs: an error each time', async t => {
  const ground = new Playground(t)
  ground.configure(['true'])
  const waiting = await ground.create()
  process.kill((await ground.state(waiting)).pid, 'SIGKILL')
  assertFailed(await ground.call(['start', waiting]), /stopped|init was killed/)

  ground.configure(['true'], spec => {
    spec.hooks = { startContainer: [{ path: '/bin/sh', args: ['sh', '-c', ': >/tmp/hooked; sleep 1000'] }] }
    spec.root!.readonly = false
  })
  const hooked = await ground.create()
  const { pid } = await ground.state(hooked)
  const start = ground.call(['start', hooked])
  await ground.waitForFile('rootfs/tmp/hooked')
  process.kill(pid, 'SIGKILL')
  const outcome = await start
  // runc has told its init to go on, and asks no further.
  if (isOurs) assertFailed(outcome, /init was killed before it could execute the command/)
})

test('a command that is found and cannot be executed: start says why', {
  skip: !isOurs && 'texts of utsuwa',
}, async t => {
  const ground = new Playground(t)
  writeFileSync(join(ground.bundle, 'rootfs/bin/crlf'), '#!/bin/sh\r\n', { mode: 0o755 })
  ground.configure(['/bin/crlf'])
  const id = await ground.create()
  assertFailed(await ground.call(['start', id]), /exec \/bin\/crlf: .*carriage return.*no such file or directory/)
})

test('the mount namespace of the host is not joined, whose root would become the container’s', {
  skip: !isOurs && 'runc joins it',
}, async t => {
  // One of its own for the caller, whose loss would harm nobody.
  const ground = new Playground(t, ['unshare', '--mount'])
  ground.configure(['true'], spec => {
    spec.linux!.namespaces!.find(({ type }) => type === 'mount')!.path = '/proc/self/ns/mnt'
  })
  const outcome = await ground.call(['run', '-b', ground.bundle, ground.newId()])
  assertFailed(
    outcome,
    /join mount namespace .*the mount namespace is the host's own.*\[\/linux\/namespaces\/\d\/path\]/,
  )
})

test('a filter that refuses what init is made of does not stop the start', async t => {
  const ground = new Playground(t)
  ground.configure(['true'], spec => {
    spec.process!.noNewPrivileges = false
    const names = ['close_range', 'openat2', 'open_tree', 'move_mount', 'mount_setattr', 'fsopen', 'fsconfig']
    spec.linux!.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names, action: 'SCMP_ACT_ERRNO', errnoRet: 38 }],
    }
  })
  const { status, stderr } = await ground.call(['run', '-b', ground.bundle, ground.newId()])
  assert.deepEqual([status, stderr], [0, ''])
})
