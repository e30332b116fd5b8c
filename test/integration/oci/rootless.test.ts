/** Containers of a user without privileges: a numeric uid that exists in the test alone. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, existsSync, lstatSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readCgroupHierarchy } from '../../../src/cgroup/hierarchy.ts'
import { defaultBundleSpec } from '../../../src/cli/oci/default-spec.ts'
import { readSetting, restrictingSetting } from '../../../src/launch/user-namespace.ts'
import type { RuntimeSpec } from '../../../src/spec/runtime.ts'
import { isOurs, Playground, RUNTIME } from './runtime.ts'

const UID = 23456
const GID = 23457
const FIRST_SUBID = 3_000_000
const asUser = ['setpriv', `--reuid=${UID}`, `--regid=${GID}`, '--clear-groups', '--no-new-privs']
const asMapper = asUser.slice(0, -1) // newuidmap is setuid

const skip = ((): string | false => {
  const restriction = restrictingSetting(readSetting)
  if (restriction !== undefined) return `users may make no user namespaces here: ${restriction.name}`
  const [program = '', ...args] = [...asUser, RUNTIME, '--version']
  if (spawnSync(program, args).status !== 0) return `a user other than root cannot execute ${RUNTIME}`
  return false
})()

/** A bundle that belongs to the user, as `spec --rootless` writes it. */
function userGround(t: TestContext, prefix: readonly string[] = asUser): Playground {
  const ground = new Playground(t, prefix)
  execFileSync('chown', ['-R', `${UID}:${GID}`, ground.directory])
  return ground
}

function configure(ground: Playground, args: readonly string[], edit?: (spec: RuntimeSpec) => void): void {
  const unified = readCgroupHierarchy().mode === 'unified'
  const rootless = defaultBundleSpec({ rootless: { uid: UID, gid: GID }, cgroupNamespace: unified })
  ground.configure(args, spec => {
    Object.assign(spec, { mounts: rootless.mounts, linux: rootless.linux })
    edit?.(spec)
  })
}

/** Runs the container in the foreground, and returns what it wrote. */
async function outputOf(ground: Playground): Promise<string> {
  return (await ground.succeed(['run', '--bundle', ground.bundle, ground.newId()])).stdout
}

test('a user is root in a container of its own, and itself outside', { skip }, async t => {
  const ground = userGround(t)
  configure(ground, ['sh', '-c', 'id -u; cat /proc/self/uid_map; cat /proc/self/setgroups'])
  const [id, map, setgroups] = (await outputOf(ground)).trimEnd().split('\n')
  assert.equal(id, '0')
  assert.match(map ?? '', new RegExp(`^\\s+0\\s+${UID}\\s+1$`))
  assert.equal(setgroups, 'deny')
})

test('what spec --rootless writes runs as it is', { skip }, async t => {
  const ground = userGround(t)
  await ground.succeed(['spec', '--rootless', '--bundle', ground.bundle])
  const path = join(ground.bundle, 'config.json')
  const spec = JSON.parse(readFileSync(path, 'utf8')) as RuntimeSpec
  Object.assign(spec.process!, { terminal: false, args: ['cat', '/proc/self/comm', '/etc/hostname'] })
  writeFileSync(join(ground.bundle, 'rootfs/etc/hostname'), 'inside\n')
  writeFileSync(path, JSON.stringify(spec))
  assert.equal(await outputOf(ground), 'cat\ninside\n')
})

test('create, start, exec, kill and delete leave nothing', { skip }, async t => {
  const ground = userGround(t)
  configure(ground, ['sleep', '1000'])
  const id = await ground.create()
  const { pid, status } = await ground.state(id)
  assert.equal(status, 'created')
  assert.equal(statSync(`/proc/${pid}`).uid, UID)
  await ground.succeed(['start', id])
  const { stdout } = await ground.succeed(['exec', id, 'sh', '-c', 'id -u; cat /proc/1/comm'])
  assert.equal(stdout, '0\nsleep\n')
  await ground.succeed(['kill', id, 'KILL'])
  await ground.waitFor(id, 'stopped')
  await ground.succeed(['delete', id])
  assert.ok(!existsSync(join(ground.stateRoot, id)))
})

test('state is kept in $XDG_RUNTIME_DIR, where it stays', { skip }, async t => {
  const ground = userGround(t)
  configure(ground, ['true'])
  const id = ground.newId()
  const [program = '', ...words] = [...asUser, RUNTIME]
  const call = (...args: string[]) =>
    spawnSync(program, [...words, ...args], {
      // The container inherits its streams: a pipe would not end with the command.
      stdio: 'ignore',
      env: { ...process.env, XDG_RUNTIME_DIR: ground.directory },
    })
  assert.equal(call('create', '--bundle', ground.bundle, id).status, 0)
  const root = join(ground.directory, isOurs ? 'utsuwa-oci' : 'runc')
  assert.ok(existsSync(join(root, id)))
  // The sticky bit: without it what nobody touches for six hours may be removed.
  assert.equal(lstatSync(root).mode & 0o7777, 0o1700)
  assert.equal(call('delete', '--force', id).status, 0)
})

test("devices are the host's own nodes", { skip }, async t => {
  const ground = userGround(t)
  configure(ground, ['sh', '-c', 'stat -c "%t:%T" /dev/null /dev/full && echo x >/dev/null'])
  assert.equal(await outputOf(ground), '1:3\n1:7\n')
})

test('a device that is another one on the host is not put in its place', {
  skip: skip || (!isOurs && 'runc binds whatever the host has at the path'),
}, async t => {
  const ground = userGround(t)
  configure(ground, ['true'], spec => {
    spec.linux!.devices = [{ path: '/dev/full', type: 'c', major: 1, minor: 3 }]
  })
  const { status, stderr } = await ground.call(['run', '--bundle', ground.bundle, ground.newId()])
  assert.equal(status, 1)
  assert.match(stderr, /bind device \/dev\/full at \/dev\/full if it is c 1:3: .*ENODEV/)
  assert.match(stderr, /of the host is another device/)
})

test('without delegation: no cgroup unless limits, or a place, are asked for', { skip }, async t => {
  const ground = userGround(t)
  configure(ground, ['true'])
  await ground.succeed(['run', '--bundle', ground.bundle, ground.newId()])

  configure(ground, ['true'], spec => {
    spec.linux!.resources = { pids: { limit: 10 } }
  })
  const limited = await ground.call(['run', '--bundle', ground.bundle, ground.newId()])
  assert.equal(limited.status, 1)
  assert.match(limited.stderr, isOurs ? /not delegated to this user.*systemd-run --user --scope/ : /rootless/)

  configure(ground, ['true'], spec => {
    spec.linux!.cgroupsPath = `/utsuwa-test-${process.pid}`
  })
  const placed = await ground.call(['run', '--bundle', ground.bundle, ground.newId()])
  assert.equal(placed.status, 1)
  assert.match(placed.stderr, /permission denied/)
})

test('a network namespace of its own has sysfs and a loopback', { skip }, async t => {
  const ground = userGround(t)
  configure(ground, ['sh', '-c', 'ls /sys/class/net; cat /sys/class/net/lo/flags'], spec => {
    spec.linux!.namespaces!.push({ type: 'network' })
    spec.mounts = spec.mounts!.map(mount =>
      mount.destination === '/sys'
        ? { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] }
        : mount,
    )
  })
  assert.equal(await outputOf(ground), 'lo\n0x9\n')
})

/** Root in a cgroup that belongs to the user: the words that run a command in it, as the user. */
function delegatedTo(t: TestContext): { parent: string; prefix: readonly string[] } {
  const parent = join(readCgroupHierarchy().mountHostPath!, `utsuwa-test-${process.pid}-${Date.now()}`)
  const own = join(parent, 'own')
  mkdirSync(own, { recursive: true })
  t.after(() => {
    rmdirSync(own)
    rmdirSync(parent)
  })
  for (const controller of ['memory', 'pids'])
    try {
      for (const cgroup of [join(parent, '..'), parent])
        writeFileSync(join(cgroup, 'cgroup.subtree_control'), `+${controller}`)
    } catch {
      // This hierarchy has no such controller; the test that needs it says so.
    }
  for (const file of ['', 'cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads', 'own', 'own/cgroup.procs'])
    chownSync(join(parent, file), UID, GID)
  return { parent, prefix: ['sh', '-c', `echo $$ >${own}/cgroup.procs && exec "$@"`, 'sh', ...asUser] }
}

test('in a delegated cgroup a container has its own, beside its caller', { skip }, async t => {
  const { parent, prefix } = delegatedTo(t)
  const ground = userGround(t, prefix)
  configure(ground, ['sleep', '1000'])
  const id = await ground.create()
  assert.equal(readFileSync(join(parent, id, 'cgroup.procs'), 'utf8'), `${(await ground.state(id)).pid}\n`)
  await ground.succeed(['start', id])
  await ground.succeed(['pause', id])
  assert.equal((await ground.state(id)).status, 'paused')
  await ground.succeed(['resume', id])
  await ground.succeed(['delete', '--force', id])
  assert.ok(!existsSync(join(parent, id)))
})

const noPids = readCgroupHierarchy().mode !== 'unified' && 'cgroup v1 holds the pids controller'
test('a delegated controller limits', { skip: skip || noPids }, async t => {
  const { parent, prefix } = delegatedTo(t)
  const ground = userGround(t, prefix)
  configure(ground, ['sleep', '1000'], spec => {
    spec.linux!.resources = { pids: { limit: 10 } }
  })
  const id = await ground.create()
  assert.equal(readFileSync(join(parent, id, 'pids.max'), 'utf8'), '10\n')
  await ground.succeed(['update', '--pids-limit', '20', id])
  assert.equal(readFileSync(join(parent, id, 'pids.max'), 'utf8'), '20\n')
  await ground.succeed(['delete', '--force', id])
})

/** The user with a name and subordinate ids, in a mount namespace where /etc says so. */
function namedUser(t: TestContext, subids: string): readonly string[] {
  const etc = new Playground(t).directory
  const files = {
    passwd: `root:x:0:0::/:/bin/sh\nsomebody:x:${UID}:${GID}::/:/bin/sh\n`,
    subuid: subids,
    subgid: subids,
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(etc, name), text)
  const bind = Object.keys(files).map(
    name => `{ [ -e /etc/${name} ] || : >/etc/${name}; mount --bind ${etc}/${name} /etc/${name}; }`,
  )
  return ['unshare', '--mount', 'sh', '-c', `${bind.join(' && ')} && exec "$@"`, 'sh', ...asMapper]
}

const noHelper = spawnSync('newuidmap').error !== undefined && 'newuidmap is not installed: apt-get install uidmap'

function withSubids(spec: RuntimeSpec): void {
  const more = { containerID: 1, hostID: FIRST_SUBID, size: 1000 }
  spec.linux!.uidMappings!.push(more)
  spec.linux!.gidMappings!.push(more)
}

test('additional groups without a gid map of newgidmap are an error that says what they take', { skip }, async t => {
  const ground = userGround(t)
  configure(ground, ['id'], spec => {
    spec.process!.user = { uid: 0, gid: 0, additionalGids: [0] }
  })
  const { status, stderr } = await ground.call(['run', '--bundle', ground.bundle, ground.newId()])
  assert.equal(status, 1)
  assert.match(stderr, isOurs ? /set user 0:0 groups 0: EPERM .*\[\/process\/user\].*newgidmap/ : /additional groups/)
})

test('ids of /etc/subuid are mapped by newuidmap and newgidmap', { skip: skip || noHelper }, async t => {
  const ground = userGround(t, namedUser(t, `somebody:${FIRST_SUBID}:1000\n`))
  configure(ground, ['sh', '-c', 'id; cat /proc/self/uid_map'], spec => {
    withSubids(spec)
    spec.process!.user = { uid: 7, gid: 8, ...(isOurs ? { additionalGids: [9] } : {}) }
  })
  const [id, own, more] = (await outputOf(ground)).trimEnd().split('\n')
  assert.match(id ?? '', isOurs ? /^uid=7 gid=8 groups=(8,)?9$/ : /^uid=7 gid=8/)
  assert.match(own ?? '', new RegExp(`^\\s+0\\s+${UID}\\s+1$`))
  assert.match(more ?? '', new RegExp(`^\\s+1\\s+${FIRST_SUBID}\\s+1000$`))
})

test('ids that are not in /etc/subuid are refused with what grants them', {
  skip: skip || noHelper || (!isOurs && 'the hint is ours'),
}, async t => {
  const ground = userGround(t, namedUser(t, `somebody:${FIRST_SUBID}:10\n`))
  configure(ground, ['true'], withSubids)
  const { status, stderr } = await ground.call(['run', '--bundle', ground.bundle, ground.newId()])
  assert.equal(status, 1)
  assert.match(stderr, /write uid_map .*newuidmap.*not allowed.*usermod --add-subuids/)
})
