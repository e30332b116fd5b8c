import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { isUtsuwaError } from '../../../src/errors.ts'
import { DEFAULT_CAPABILITIES } from '../../../src/options/capabilities.ts'
import { volumeMounts } from '../../../src/options/mounts.ts'
import type { ContainerOptions, ImageRunConfig } from '../../../src/options/options.ts'
import { createRuntimeSpec, type RuntimeSpecInput } from '../../../src/options/runtime-spec.ts'
import { CAPABILITIES } from '../../../src/spec/capabilities.ts'
import { parseRuntimeSpec, type RuntimeSpec } from '../../../src/spec/runtime.ts'

const ID = '0123456789abcdef0123456789abcdef'

function create(
  options: ContainerOptions,
  imageConfig: ImageRunConfig = { Cmd: ['sh'] },
  input: Partial<RuntimeSpecInput> = {},
): RuntimeSpec {
  return createRuntimeSpec({
    id: ID,
    options,
    imageConfig,
    rootPath: 'rootfs',
    readContainerFile: path =>
      path === '/etc/passwd' ? 'root:x:0:0::/root:\napp:x:1000:1000::/srv/app:\n' : undefined,
    defaultSeccomp: () => ({ defaultAction: 'SCMP_ACT_LOG' }),
    volumePaths: new Map(
      volumeMounts(options, imageConfig).map(({ destination }) => [destination, `/volumes${destination}`]),
    ),
    callerEnv: { LANG: 'C' },
    ...input,
  })
}

function assertRefused(options: ContainerOptions, message: RegExp, imageConfig?: ImageRunConfig): void {
  assert.throws(
    () => create(options, imageConfig),
    error => isUtsuwaError(error) && message.test(error.message),
    String(message),
  )
}

test('isolates a container by default, and writes a valid spec', () => {
  const spec = create({})
  assert.deepEqual(parseRuntimeSpec(JSON.parse(JSON.stringify(spec))), spec)
  assert.deepEqual(spec.linux?.namespaces?.map(({ type }) => type).sort(), [
    'cgroup',
    'ipc',
    'mount',
    'network',
    'pid',
    'uts',
  ])
  assert.equal(spec.hostname, '0123456789ab')
  assert.equal(spec.linux?.cgroupsPath, `/utsuwa/${ID}`)
  assert.deepEqual(spec.linux?.seccomp, { defaultAction: 'SCMP_ACT_LOG' })
  assert.deepEqual(spec.linux?.resources, { devices: [{ allow: false, access: 'rwm' }] })
  assert.ok(spec.linux?.maskedPaths?.includes('/proc/kcore'))
  assert.ok(spec.linux?.readonlyPaths?.includes('/proc/sys'))
  assert.deepEqual(spec.process?.capabilities, {
    bounding: [...DEFAULT_CAPABILITIES].sort((a, b) => CAPABILITIES.indexOf(a) - CAPABILITIES.indexOf(b)),
    effective: spec.process?.capabilities?.bounding,
    permitted: spec.process?.capabilities?.bounding,
  })
  assert.deepEqual(
    spec.mounts?.map(({ destination }) => destination),
    ['/proc', '/dev', '/dev/pts', '/dev/shm', '/dev/mqueue', '/sys', '/sys/fs/cgroup'],
  )
})

test('joins entrypoint and command by docker’s rules', () => {
  const image = { Entrypoint: ['/entry'], Cmd: ['default'] }
  const args = (options: ContainerOptions, config: ImageRunConfig = image) => create(options, config).process?.args
  assert.deepEqual(args({}), ['/entry', 'default'])
  assert.deepEqual(args({ args: ['a', 'b'] }), ['/entry', 'a', 'b'])
  assert.deepEqual(args({ entrypoint: 'x' }), ['x'])
  assert.deepEqual(args({ entrypoint: ['x', 'y'], args: ['a'] }), ['x', 'y', 'a'])
  assert.deepEqual(args({ entrypoint: '', args: ['a'] }), ['a'])
  assertRefused({ entrypoint: '' }, /^command: none given/, image)
  assertRefused({}, /^command: none given, and the image has none$/, {})
})

test('builds the environment from defaults, image and options', () => {
  const env = (options: ContainerOptions, image: ImageRunConfig = {}) =>
    create({ args: ['x'], ...options }, image).process?.env
  const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  assert.deepEqual(env({}), [PATH, 'HOSTNAME=0123456789ab', 'HOME=/root'])
  assert.deepEqual(env({ user: 'app', hostname: 'box', terminal: true }), [
    PATH,
    'HOSTNAME=box',
    'TERM=xterm',
    'HOME=/srv/app',
  ])
  assert.deepEqual(env({ env: ['A=2', 'LANG', 'GONE', 'E='] }, { Env: ['PATH=/x', 'A=1', 'B=1=2'] }), [
    'PATH=/x',
    'HOSTNAME=0123456789ab',
    'HOME=/root',
    'A=2',
    'B=1=2',
    'LANG=C',
    'E=',
  ])
  assert.deepEqual(env({ env: { A: '1' } })?.at(-1), 'A=1')
  assertRefused({ env: ['=x'] }, /^--env: "=x" has no name$/)
})

test('takes user, directory and stop signal from the image unless told otherwise', () => {
  const image = { Cmd: ['x'], User: 'app', WorkingDir: '/srv/', StopSignal: 'SIGQUIT' }
  const fromImage = create({}, image)
  assert.deepEqual(fromImage.process?.user, { uid: 1000, gid: 1000, additionalGids: [1000] })
  assert.equal(fromImage.process?.cwd, '/srv/')
  assert.deepEqual(fromImage.annotations, { 'org.opencontainers.image.stopSignal': 'SIGQUIT' })
  const told = create({ user: '5:6', cwd: '/a/../b', stopSignal: 'SIGINT', annotations: { k: 'v' } }, image)
  assert.deepEqual(told.process?.user, { uid: 5, gid: 6, additionalGids: [6] })
  assert.equal(told.process?.cwd, '/b')
  assert.deepEqual(told.annotations, { k: 'v', 'org.opencontainers.image.stopSignal': 'SIGINT' })
  assertRefused({ cwd: 'b' }, /^--workdir: b is not an absolute path$/)
})

test('gives others than root their capabilities only through setuid programs, and never inheritable ones', () => {
  const { capabilities } = create({ user: '1000' }).process!
  assert.deepEqual(Object.keys(capabilities!), ['bounding'])
})

test('adds and drops capabilities', () => {
  const bounding = (options: ContainerOptions) => create(options).process?.capabilities?.bounding
  assert.deepEqual(bounding({ capDrop: ['ALL'], capAdd: ['chown', 'CAP_BPF'] }), ['CAP_CHOWN', 'CAP_BPF'])
  assert.equal(bounding({ capAdd: ['all'] })?.length, CAPABILITIES.length)
  assert.ok(!bounding({ capAdd: ['ALL'], capDrop: ['SYS_ADMIN'] })?.includes('CAP_SYS_ADMIN'))
  assert.equal(bounding({ capDrop: ['KILL'] })?.length, DEFAULT_CAPABILITIES.length - 1)
  assertRefused({ capAdd: ['FLY'] }, /^--cap-add: unknown capability "FLY"$/)
  const seen: string[][] = []
  create({ capAdd: ['SYS_ADMIN'] }, undefined, {
    defaultSeccomp: capabilities => {
      seen.push([...capabilities])
      return { defaultAction: 'SCMP_ACT_LOG' }
    },
  })
  assert.ok(seen[0]!.includes('CAP_SYS_ADMIN'), 'the seccomp filter follows the capabilities')
})

test('limits', () => {
  const limits = (options: ContainerOptions) => create(options).linux?.resources
  assert.deepEqual(limits({ memory: '64MiB', cpus: 0.5, pids: 32 }), {
    devices: [{ allow: false, access: 'rwm' }],
    memory: { limit: 67108864, swap: 134217728 },
    cpu: { quota: 50000, period: 100000 },
    pids: { limit: 32 },
  })
  assert.deepEqual(limits({ memory: 100, memorySwap: -1, memoryReservation: 50 })?.memory, {
    limit: 100,
    reservation: 50,
    swap: -1,
  })
  assert.deepEqual(limits({ memory: '1k', memorySwap: '1k' })?.memory, { limit: 1024, swap: 1024 })
  assert.deepEqual(limits({ cpuShares: 512, cpusetCpus: '0-1', cpusetMems: '0' })?.cpu, {
    shares: 512,
    cpus: '0-1',
    mems: '0',
  })
  assert.deepEqual(limits({ pids: -1 })?.pids, { limit: -1 })
  assert.equal(limits({ pids: 0 })?.pids, undefined)
  assert.deepEqual(limits({ unified: { 'memory.high': '1M' } })?.unified, { 'memory.high': '1M' })
  assertRefused({ cpus: 0.001 }, /^--cpus: must be at least 0\.01, found 0\.001$/)
  assertRefused({ cpus: Number.NaN }, /^--cpus: /)
  assertRefused({ memory: '64x' }, /^--memory: "64x" is not a size$/)
  assertRefused({ memorySwap: '64m' }, /^--memory-swap: needs --memory/)
  assertRefused({ memory: '64m', memorySwap: '32m' }, /^--memory-swap: must not be less/)
  assertRefused({ memory: '64m', memoryReservation: '65m' }, /^--memory-reservation: /)
  assertRefused({ pids: 1.5 }, /^--pids-limit: /)
  assertRefused({ cpusetCpus: 'all' }, /^--cpuset-cpus: /)
})

test('mounts volumes and tmpfs, outer before inner, in place of defaults', () => {
  const { mounts = [] } = create({
    volumes: ['/host/b:/data/inner:ro', '/host/a:/data:rslave,z', '/c:/c:noexec,bind'],
    tmpfs: ['/run:size=64m', '/dev/shm'],
    mounts: [{ destination: '/x', type: 'tmpfs', options: ['ro'] }],
  })
  const own = mounts.slice(mounts.findIndex(({ destination }) => destination === '/sys/fs/cgroup') + 1)
  assert.deepEqual(own, [
    { destination: '/run', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'noexec', 'size=64m'] },
    { destination: '/data', type: 'bind', source: '/host/a', options: ['rbind', 'rslave', 'rw'] },
    { destination: '/c', type: 'bind', source: '/c', options: ['bind', 'rprivate', 'rw', 'noexec'] },
    { destination: '/x', type: 'tmpfs', options: ['ro'] },
    { destination: '/dev/shm', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'noexec'] },
    { destination: '/data/inner', type: 'bind', source: '/host/b', options: ['rbind', 'rprivate', 'ro'] },
  ])
  assert.equal(mounts.filter(({ destination }) => destination === '/dev/shm').length, 1)
  assert.ok(create({ shmSize: '1m' }).mounts?.some(({ options }) => options?.includes('size=1048576')))
  assert.equal(create({ readonlyRootfs: true }).root?.readonly, true)
  assertRefused({ volumes: ['a/b:/data'] }, /^--volume: "a\/b" is no name of a volume$/)
  assertRefused({ volumes: ['/a:/b:/c:/d'] }, /^--volume: .* is not \[host-directory-or-name:]container-directory/)
  assertRefused({ volumes: ['/a:/b:nocopy'] }, /^--volume: unknown option "nocopy"$/)
  assertRefused({ volumes: ['data:/b:bind'] }, /^--volume: unknown option "bind"$/)
  assertRefused({ volumes: ['/a:/b:ro,rw'] }, /^--volume: ro and rw exclude each other$/)
  assertRefused({ mounts: [{ type: 'volume', source: '..', destination: '/x' }] }, /^--mount: "\.\." is no name/)
  assertRefused({ volumes: ['/a:/b:fast'] }, /^--volume: unknown option "fast"$/)
  assertRefused({ volumes: ['/a:b'] }, /^--volume: "b" is not an absolute path$/)
  assertRefused({ volumes: ['/a:/'] }, /^--volume: cannot replace the root/)
  assertRefused({ volumes: ['/a:/x', '/b:/x/'] }, /^--volume: \/x is mounted twice$/)
})

test('mounts volumes with and without a name, and those of the image where nothing else is', () => {
  const Volumes = { '/var/lib/db': {}, '/data/': {}, '/../../etc': {}, '/dev/shm': {}, cache: {} }
  const { mounts = [] } = create(
    {
      volumes: ['db:/data', 'db:/more:ro,nocopy,noexec', '/anonymous', './here:/here'],
      mounts: [{ type: 'volume', destination: '/further', options: ['ro'] }],
    },
    { Cmd: ['sh'], Volumes },
  )
  const own = mounts.slice(mounts.findIndex(({ destination }) => destination === '/sys/fs/cgroup') + 1)
  const bound = (destination: string, ...options: string[]) => {
    return { destination, type: 'bind', source: `/volumes${destination}`, options: ['rbind', 'rprivate', ...options] }
  }
  assert.deepEqual(own, [
    bound('/data', 'rw'),
    bound('/more', 'ro', 'noexec'),
    bound('/anonymous', 'rw'),
    { destination: '/here', type: 'bind', source: resolve('here'), options: ['rbind', 'rprivate', 'rw'] },
    bound('/further', 'ro'),
    bound('/etc', 'rw'),
    bound('/cache', 'rw'),
    bound('/var/lib/db', 'rw'),
  ])
  assert.equal(mounts.find(({ destination }) => destination === '/dev/shm')?.type, 'tmpfs')
  assertRefused({}, /^volume of the image: cannot replace the root/, { Volumes: { '/x/..': {} } })
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`/v${index}`, {}]))
  assertRefused({}, /^the image has 300 volumes; 256 are allowed$/, { Volumes: many })
})

test('network, host name and sysctls', () => {
  assert.ok(!create({ network: 'host' }).linux?.namespaces?.some(({ type }) => type === 'network'))
  assert.deepEqual(create({ sysctls: { 'net.ipv4.ip_forward': '1' } }).linux?.sysctl, { 'net.ipv4.ip_forward': '1' })
  assertRefused({ network: 'host', sysctls: { 'net.ipv4.ip_forward': '1' } }, /needs a namespace of type network/)
  assertRefused({ sysctls: { 'vm.swappiness': '1' } }, /is not a namespaced sysctl/)
  const shared = create(
    { network: 'container:x' },
    { Cmd: ['sh'] },
    { joinedNamespaces: { network: '/proc/7/ns/net' } },
  )
  assert.equal(shared.linux?.namespaces?.find(({ type }) => type === 'network')?.path, '/proc/7/ns/net')
  const files = new Map([
    ['/etc/hosts', '/run/box/hosts'],
    ['/etc/hostname', '/run/box/hostname'],
  ])
  const connected = create(
    { network: 'bridge', volumes: ['/own:/etc/hosts'], readonlyRootfs: true },
    { Cmd: ['sh'] },
    { networkFiles: files },
  )
  assert.deepEqual(
    connected.mounts?.slice(-2).map(({ destination, source, options }) => [destination, source, options]),
    [
      ['/etc/hosts', '/own', ['rbind', 'rprivate', 'rw']],
      ['/etc/hostname', '/run/box/hostname', ['bind', 'rprivate', 'ro']],
    ],
  )
  assertRefused({ hostname: 'a b' }, /^--hostname: "a b" is not a host name$/)
})

test('ulimits and the OOM score', () => {
  const { process } = create({ ulimits: ['nofile=1024:2048', 'core=-1', 'nofile=5'], oomScoreAdj: -5 })
  assert.deepEqual(process?.rlimits, [
    { type: 'RLIMIT_NOFILE', soft: 5, hard: 5 },
    { type: 'RLIMIT_CORE', soft: 18446744073709551615n, hard: 18446744073709551615n },
  ])
  assert.equal(process?.oomScoreAdj, -5)
  assertRefused({ ulimits: ['nofile'] }, /^--ulimit: "nofile" is not name=soft\[:hard\]$/)
  assertRefused({ ulimits: ['files=1'] }, /^--ulimit: unknown limit "files"$/)
  assertRefused({ ulimits: ['nofile=2:1'] }, /^--ulimit: the soft limit is above/)
  assertRefused({ ulimits: ['nofile=x'] }, /^--ulimit: "x" is not a number/)
  assertRefused({ oomScoreAdj: 2000 }, /^--oom-score-adj: /)
})

test('security options', () => {
  const directory = mkdtempSync(join(tmpdir(), 'utsuwa-config-'))
  const file = join(directory, 'profile.json')
  try {
    writeFileSync(file, '{"defaultAction": "SCMP_ACT_TRAP"}')
    const spec = create({ securityOpt: ['no-new-privileges', `seccomp=${file}`, 'apparmor=box', 'label=disable'] })
    assert.equal(spec.process?.noNewPrivileges, true)
    assert.equal(spec.process?.apparmorProfile, 'box')
    assert.deepEqual(spec.linux?.seccomp, { defaultAction: 'SCMP_ACT_TRAP' })
    assertRefused({ securityOpt: [`seccomp=${file}x`] }, /^read seccomp profile .*ENOENT/)
  } finally {
    rmSync(directory, { recursive: true })
  }
  assert.equal(create({}).process?.noNewPrivileges, false)
  assert.equal(create({ securityOpt: ['no-new-privileges:false'] }).process?.noNewPrivileges, false)
  assert.equal(create({ securityOpt: ['seccomp=unconfined'] }).linux?.seccomp, undefined)
  assert.equal(create({ securityOpt: ['systempaths=unconfined'] }).linux?.maskedPaths, undefined)
  for (const option of ['seccomp', 'label=type:x', 'magic', 'no-new-privileges=maybe']) {
    assertRefused({ securityOpt: [option] }, /^--security-opt: /)
  }
})

test('masks what depends on the machine too, unless nothing is masked', () => {
  const path = '/sys/devices/system/cpu/cpu0/thermal_throttle'
  const masked = (options: ContainerOptions) =>
    create(options, undefined, { maskedHostPaths: () => [path] }).linux?.maskedPaths
  assert.ok(masked({})?.includes(path))
  assert.ok(masked({})?.includes('/proc/interrupts'))
  assert.equal(masked({ privileged: true }), undefined)
  assert.equal(masked({ securityOpt: ['systempaths=unconfined'] }), undefined)
})

test('privileged opens all of it, and only that', () => {
  const device = { type: 'c', path: '/dev/fuse', major: 10, minor: 229 } as const
  const spec = create({ privileged: true }, undefined, { hostDevices: () => [device] })
  assert.equal(spec.process?.capabilities?.effective?.length, CAPABILITIES.length)
  assert.deepEqual(spec.linux?.devices, [device])
  assert.deepEqual(spec.linux?.resources?.devices, [{ allow: true, access: 'rwm' }])
  assert.deepEqual(
    [spec.linux?.seccomp, spec.linux?.maskedPaths, spec.linux?.readonlyPaths],
    [undefined, undefined, undefined],
  )
  assert.ok(spec.mounts?.find(({ destination }) => destination === '/sys')?.options?.includes('rw'))
  assert.equal(spec.linux?.namespaces?.length, 6, 'still has namespaces of its own')
})

test('an image cannot set annotations by labels', () => {
  const image = { Cmd: ['x'], Labels: { 'org.systemd.property.ExecStart': 'x' } } as ImageRunConfig
  assert.equal(create({}, image).annotations, undefined)
})
