/** config.md, config-linux.md and runtime-linux.md: root, mounts, namespaces and devices as the container sees them. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readlinkSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RuntimeSpec } from '../../src/spec/runtime.ts'
import { isOurs, type Outcome, Playground } from '../integration/oci/runtime.ts'

function run(
  ground: Playground,
  script: string,
  edit: (spec: RuntimeSpec) => void = () => undefined,
): Promise<Outcome> {
  ground.configure(['sh', '-c', script], edit)
  return ground.call(['run', '--bundle', ground.bundle, ground.newId()])
}

function withRoot(path: string): (spec: RuntimeSpec) => void {
  return spec => {
    spec.root = { path }
  }
}

test('root.path: relative to the bundle, absolute, or a symbolic link to the directory', async t => {
  const ground = new Playground(t)
  const real = join(ground.directory, 'real')
  renameSync(join(ground.bundle, 'rootfs'), real)
  symlinkSync('../real', join(ground.bundle, 'rootfs'))
  for (const path of ['../real', real, ...(isOurs ? ['rootfs', join(ground.bundle, 'rootfs')] : [])])
    assert.equal((await run(ground, 'echo here', withRoot(path))).stdout, 'here\n', path)
})

test('a root.path that is no directory is an error', async t => {
  const ground = new Playground(t)
  writeFileSync(join(ground.bundle, 'file'), '')
  for (const path of ['nowhere', 'file']) assert.notEqual((await run(ground, 'true', withRoot(path))).status, 0, path)
})

test('mounts are made in the listed order: a later one covers an earlier one', async t => {
  const ground = new Playground(t)
  for (const name of ['a', 'b']) {
    mkdirSync(join(ground.directory, name))
    writeFileSync(join(ground.directory, name, 'name'), name)
  }
  const { stdout } = await run(ground, 'cat /mnt/name; ls /tmp', spec => {
    for (const name of ['a', 'b'])
      spec.mounts!.push({ destination: '/mnt', source: join(ground.directory, name), options: ['bind'] })
    spec.mounts!.push({ destination: '/tmp/inner', type: 'tmpfs', source: 'tmpfs' })
    spec.mounts!.push({ destination: '/tmp', type: 'tmpfs', source: 'tmpfs' })
  })
  assert.equal(stdout, 'b')
})

test('remount: with bind the mount changes, without the file system too', async t => {
  const ground = new Playground(t)
  const source = join(ground.directory, 'shared')
  mkdirSync(source)
  const { stdout, stderr } = await run(ground, 'cat /proc/mounts; : >/mnt/x', spec => {
    spec.mounts!.push(
      { destination: '/mnt', source, type: 'bind', options: ['bind', 'nodev'] },
      { destination: '/mnt', source, type: 'bind', options: ['bind', 'remount', 'ro', 'nosuid'] },
      { destination: '/tmp', source: 'tmpfs', type: 'tmpfs', options: ['nosuid', 'noexec', 'size=64k'] },
      { destination: '/tmp', source: 'tmpfs', type: 'tmpfs', options: ['remount', 'ro', 'nodev', 'size=128k'] },
    )
  })
  const options = (place: string) => new RegExp(`^\\S+ ${place} \\S+ (\\S+)`, 'm').exec(stdout)?.[1] ?? ''
  const [bind, tmpfs] = [`,${options('/mnt')},`, `,${options('/tmp')},`]
  assert.match(bind, /^,ro,nosuid,/, stdout + stderr)
  assert.doesNotMatch(bind, /,nodev,/)
  assert.match(tmpfs, /^,ro,nodev,.*,size=128k,/)
  assert.doesNotMatch(tmpfs, /,(nosuid|noexec),/)
  assert.match(stderr, /Read-only file system/)
})

test('a read-only tmpfs: with the mode of what it covers, and with a copy of it', async t => {
  const ground = new Playground(t)
  const { stdout, stderr } = await run(ground, 'stat -c %a /tmp; cat /etc/name; : >/etc/x', spec => {
    chmodSync(join(ground.bundle, 'rootfs/tmp'), 0o1770)
    writeFileSync(join(ground.bundle, 'rootfs/etc/name'), 'copied\n')
    spec.mounts!.push({ destination: '/tmp', source: 'tmpfs', type: 'tmpfs', options: ['ro'] })
    spec.mounts!.push({ destination: '/etc', source: 'tmpfs', type: 'tmpfs', options: ['ro', 'tmpcopyup'] })
  })
  assert.equal(stdout, '1770\ncopied\n', stderr)
  assert.match(stderr, /Read-only file system/)
})

test('unknown members and annotations are ignored', async t => {
  const ground = new Playground(t)
  const { status, stdout } = await run(ground, 'echo fine', spec => {
    Object.assign(spec, { colour: 'red' })
    Object.assign(spec.process!, { mood: { good: true } })
    Object.assign(spec.linux!, { futures: ['x'] })
    spec.annotations = { 'org.opencontainers.unknown': 'x', 'com.example.empty': '' }
  })
  assert.deepEqual([status, stdout], [0, 'fine\n'])
})

test('a namespace that is listed is new, one with a path is joined, one that is not listed is the caller’s', async t => {
  const ground = new Playground(t)
  const { stdout } = await run(
    ground,
    'for type in uts net ipc; do busybox readlink /proc/self/ns/$type; done',
    spec => {
      delete spec.hostname
      spec.linux!.namespaces = [
        { type: 'mount' },
        { type: 'pid' },
        { type: 'ipc' },
        { type: 'network', path: '/proc/self/ns/net' },
      ]
    },
  )
  const [uts, net, ipc] = ['uts', 'net', 'ipc'].map(name => readlinkSync(`/proc/self/ns/${name}`))
  const seen = stdout.trim().split('\n')
  assert.deepEqual(seen.slice(0, 2), [uts, net])
  assert.notEqual(seen[2], ipc)
})

test('a mount namespace is joined by path, and the root file system is made in it', async t => {
  const ground = new Playground(t)
  const own = readlinkSync('/proc/self/ns/mnt')
  const holder = spawn('unshare', ['--mount', 'sleep', '1000'], { stdio: 'ignore' })
  t.after(() => holder.kill('SIGKILL'))
  const path = `/proc/${holder.pid}/ns/mnt`
  while (readlinkSync(path) === own) await sleep(20)
  const { stdout, stderr } = await run(ground, 'busybox readlink /proc/self/ns/mnt; ls -d /bin/busybox', spec => {
    spec.linux!.namespaces!.find(({ type }) => type === 'mount')!.path = path
  })
  assert.equal(stdout, `${readlinkSync(path)}\n/bin/busybox\n`, stderr)
})

test('a path to a namespace of another type is an error', async t => {
  const ground = new Playground(t)
  const { status } = await run(ground, 'true', spec => {
    spec.linux!.namespaces = [{ type: 'mount' }, { type: 'ipc', path: '/proc/self/ns/net' }]
    delete spec.hostname
  })
  assert.notEqual(status, 0)
})

test('every container has the default devices and the links of /dev', async t => {
  const ground = new Playground(t)
  const { stdout } = await run(ground, 'cd /dev; ls -l null zero full random urandom tty ptmx fd stdin stdout stderr')
  for (const [name, numbers] of [
    ['null', '1, *3'],
    ['zero', '1, *5'],
    ['full', '1, *7'],
    ['random', '1, *8'],
    ['urandom', '1, *9'],
    ['tty', '5, *0'],
  ])
    assert.match(stdout, new RegExp(`^crw-rw-rw- .* ${numbers} .* ${name}$`, 'm'))
  assert.match(stdout, / ptmx -> (\/dev\/)?pts\/ptmx$/m)
  assert.match(stdout, / fd -> \/proc\/self\/fd$/m)
  for (const [number, name] of ['stdin', 'stdout', 'stderr'].entries())
    assert.match(stdout, new RegExp(` ${name} -> /proc/self/fd/${number}$`, 'm'))
})

test('devices of the spec: with type, numbers, mode and owner; anywhere; what is in their place must match', async t => {
  const ground = new Playground(t)
  const device = { type: 'c', major: 1, minor: 3, fileMode: 0o640, uid: 3, gid: 4 } as const
  const { stdout } = await run(ground, 'ls -ln /dev/more /tmp/elsewhere', spec => {
    spec.linux!.devices = [
      { ...device, path: '/dev/more' },
      { ...device, path: '/tmp/elsewhere' },
    ]
  })
  assert.match(stdout, /^crw-r----- +1 3 +4 +1, +3 .*\/dev\/more\ncrw-r----- +1 3 +4 +1, +3 .*\/tmp\/elsewhere\n$/)
  if (!isOurs) return // runc 1.1 takes whatever is there
  writeFileSync(join(ground.bundle, 'rootfs/tmp/taken'), '')
  const { status, stderr } = await run(ground, 'true', spec => {
    spec.linux!.devices = [{ ...device, path: '/tmp/taken' }]
  })
  assert.notEqual(status, 0)
  assert.match(stderr, /EEXIST.*\[\/linux\/devices\/0\]/)
})

test('the personality LINUX32 is set', async t => {
  const ground = new Playground(t)
  const { stdout } = await run(ground, 'cat /proc/self/personality', spec => {
    spec.linux!.personality = { domain: 'LINUX32' }
  })
  if (isOurs) assert.equal(stdout, '00000008\n') // PER_LINUX32; runc 1.1 does not know it
})

test('a relative and an absolute cgroupsPath lead to the same place each time', async t => {
  const ground = new Playground(t)
  for (const prefix of ['', '/']) {
    const name = ground.newId()
    const seen: string[] = []
    for (let attempt = 0; attempt < 2; attempt++) {
      const { stdout, stderr } = await run(ground, 'cat /proc/self/cgroup', spec => {
        spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== 'cgroup')
        spec.linux!.cgroupsPath = `${prefix}${name}`
      })
      seen.push(/^0::(.*)$/m.exec(stdout)?.[1] ?? stderr)
    }
    assert.equal(seen[0], seen[1])
    assert.match(seen[0] ?? '', new RegExp(`/${name}$`))
  }
})

test('the seccomp agent gets one container process state, over a connection that is then closed', async t => {
  const ground = new Playground(t)
  const path = join(ground.directory, 'agent.sock')
  const states: string[] = []
  const server = createServer().listen(path)
  t.after(() => server.close())
  await once(server, 'listening')
  const closed = new Promise<void>(resolve =>
    server.on('connection', async (socket: Socket) => {
      let text = ''
      for await (const chunk of socket) text += chunk
      states.push(text)
      resolve()
    }),
  )
  await run(ground, 'busybox mkdir /tmp/x', spec => {
    spec.annotations = { 'org.example.key': 'value' }
    spec.linux!.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      listenerPath: path,
      listenerMetadata: 'for the agent',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_NOTIFY' }],
    }
  })
  await closed
  assert.equal(states.length, 1)
  const { fds, pid, metadata, state, ociVersion } = JSON.parse(states[0]!)
  assert.deepEqual([fds, metadata], [['seccompFd'], 'for the agent'])
  assert.match(ociVersion, /^1\./)
  assert.ok(pid > 1)
  assert.deepEqual([state.bundle, state.annotations['org.example.key']], [ground.bundle, 'value'])
})

test('a seccomp agent that is not there is an error', async t => {
  const ground = new Playground(t)
  const { status } = await run(ground, 'true', spec => {
    spec.linux!.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      listenerPath: join(ground.directory, 'nobody.sock'),
      syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }],
    }
  })
  assert.notEqual(status, 0)
})
