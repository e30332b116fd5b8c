import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UtsuwaError } from '../../../src/errors.ts'
import { parseLinuxResources, parseProcess, parseRuntimeSpec } from '../../../src/spec/runtime.ts'

const minimal = () => ({
  ociVersion: '1.2.0',
  process: { user: { uid: 0, gid: 0 }, args: ['sh'], cwd: '/' },
  root: { path: 'rootfs' },
})

/** `minimal()` with the member at `path` replaced; missing objects on the way are made. */
function specWith(path: string, value: unknown): unknown {
  const spec: Record<string, unknown> = minimal()
  const keys = path.split('.')
  const last = keys.pop()!
  let target = spec
  for (const key of keys) {
    target[key] ??= {}
    target = target[key] as Record<string, unknown>
  }
  target[last] = value
  return spec
}

function assertRefused(spec: unknown, message: string): void {
  assert.throws(
    () => parseRuntimeSpec(spec),
    (error: unknown) => {
      assert.ok(error instanceof UtsuwaError)
      assert.equal(error.code, 'INVALID_SPEC')
      assert.equal(error.message, message)
      assert.equal(`[${error.configPointer}]`, /\[[^[\]]*\]$/.exec(error.message)?.[0])
      return true
    },
  )
}

test('returns what the specification knows and drops the rest', () => {
  const spec = parseRuntimeSpec({
    ...minimal(),
    windows: {},
    linux: { namespaces: [{ type: 'mount', path: '', colour: 'red' }], resources: null, rootfsPropagation: '' },
  })
  assert.deepEqual(spec, { ...minimal(), linux: { namespaces: [{ type: 'mount' }] } })
})

test('says what was expected and what was found', () => {
  const cases: [path: string, value: unknown, message: string][] = [
    ['process.args', null, 'args must be a non-empty array of strings, found null [/process/args]'],
    ['process.args', [], 'args must be a non-empty array of strings, found an empty array [/process/args]'],
    ['process.args', ['sh', 5], 'args[1] must be a string, found 5 [/process/args/1]'],
    ['process.args', ['sh', 'a\0b'], 'args[1] must not contain NUL [/process/args/1]'],
    ['process.cwd', 'tmp', 'cwd must be an absolute path, found "tmp" [/process/cwd]'],
    ['process.cwd', undefined, 'cwd must be an absolute path, found nothing [/process/cwd]'],
    [
      'process.user.uid',
      4294967295,
      'uid must be an integer from 0 to 4294967294, found 4294967295 [/process/user/uid]',
    ],
    ['process.user.uid', -1, 'uid must be an integer from 0 to 4294967294, found -1 [/process/user/uid]'],
    ['root', [], 'root must be an object, found an empty array [/root]'],
    ['root.path', '', 'path must be a non-empty string, found "" [/root/path]'],
    ['ociVersion', '2.0.0', 'ociVersion must be a semantic version 1.x.y, found "2.0.0" [/ociVersion]'],
    ['ociVersion', '1.0', 'ociVersion must be a semantic version 1.x.y, found "1.0" [/ociVersion]'],
    ['hooks.poststop', [{ path: 'a' }], 'path must be an absolute path, found "a" [/hooks/poststop/0/path]'],
    ['annotations', { 'a/b': 1 }, 'a/b must be a string, found 1 [/annotations/a~1b]'],
    ['annotations', { '': 'x' }, ' must be a non-empty string, found "" [/annotations/]'],
    [
      'linux.personality',
      { domain: 'LINUX', flags: ['ADDR_NO_RANDOMIZE'] },
      'flags must be empty: the specification has no flags yet [/linux/personality/flags]',
    ],
    [
      'linux.readonlyPaths',
      ['proc'],
      'readonlyPaths[0] must be an absolute path, found "proc" [/linux/readonlyPaths/0]',
    ],
    [
      'linux.namespaces',
      [{ type: 'pid', path: 'ns/pid' }],
      'path must be an absolute path, found "ns/pid" [/linux/namespaces/0/path]',
    ],
    [
      'process.rlimits',
      [{ type: 'RLIMIT_LUCK', soft: 1, hard: 1 }],
      'type must be one of RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_RSS, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_LOCKS, RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_RTTIME, found "RLIMIT_LUCK" [/process/rlimits/0/type]',
    ],
    [
      'hooks.prestart',
      [{ path: '/a', timeout: 0 }],
      'timeout must be an integer from 1 to 9007199254740991, found 0 [/hooks/prestart/0/timeout]',
    ],
    ['linux.maskedPaths', ['proc'], 'maskedPaths[0] must be an absolute path, found "proc" [/linux/maskedPaths/0]'],
    [
      'linux.rootfsPropagation',
      'up',
      'rootfsPropagation must be one of shared, slave, private, unbindable, rshared, rslave, rprivate, runbindable, found "up" [/linux/rootfsPropagation]',
    ],
  ]
  for (const [path, value, message] of cases) assertRefused(specWith(path, value), message)
})

test('refuses what the specification forbids across members', () => {
  const cases: [path: string, value: unknown, message: string][] = [
    [
      'linux.namespaces',
      [{ type: 'pid' }, { type: 'pid', path: '/x' }],
      'namespaces[1] is a duplicate namespace pid [/linux/namespaces/1]',
    ],
    [
      'linux.namespaces',
      [{ type: 'net' }],
      'type must be one of pid, network, mount, ipc, uts, user, cgroup, time, found "net" [/linux/namespaces/0/type]',
    ],
    [
      'linux.uidMappings',
      [{ containerID: 0, hostID: 1, size: 1 }],
      'uidMappings needs a namespace of type user in linux.namespaces [/linux/uidMappings]',
    ],
    ['hostname', 'box', 'hostname needs a namespace of type uts in linux.namespaces [/hostname]'],
    [
      'linux.timeOffsets',
      { boottime: { secs: 1 } },
      'timeOffsets needs a namespace of type time in linux.namespaces [/linux/timeOffsets]',
    ],
    [
      'linux.sysctl',
      { 'net.ipv4.ip_forward': '1' },
      'net.ipv4.ip_forward needs a namespace of type network in linux.namespaces [/linux/sysctl/net.ipv4.ip_forward]',
    ],
    [
      'linux.sysctl',
      { 'vm.swappiness': '1' },
      'vm.swappiness is not a namespaced sysctl: it would change the host [/linux/sysctl/vm.swappiness]',
    ],
    [
      'linux.sysctl',
      { 'net/../kernel/panic': '1' },
      'net/../kernel/panic has an empty component [/linux/sysctl/net~1..~1kernel~1panic]',
    ],
    [
      'process.rlimits',
      [
        { type: 'RLIMIT_CPU', soft: 1, hard: 1 },
        { type: 'RLIMIT_CPU', soft: 2, hard: 2 },
      ],
      'rlimits[1] is a duplicate rlimit RLIMIT_CPU [/process/rlimits/1]',
    ],
    [
      'process.rlimits',
      [{ type: 'RLIMIT_CPU', soft: 2, hard: 1 }],
      'rlimits[0] has a soft limit (2) above its hard limit (1) [/process/rlimits/0]',
    ],
    [
      'linux.devices',
      [{ type: 'c', path: '/dev/x', major: 1 }],
      'devices[0] must have major and minor, because its type is c [/linux/devices/0]',
    ],
    [
      'linux.seccomp',
      { defaultAction: 'SCMP_ACT_ALLOW', listenerMetadata: 'x' },
      'seccomp must not have listenerMetadata without listenerPath [/linux/seccomp]',
    ],
    [
      'linux.seccomp',
      { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: [], action: 'SCMP_ACT_LOG' }] },
      'names must be a non-empty array of non-empty strings, found an empty array [/linux/seccomp/syscalls/0/names]',
    ],
    [
      'mounts',
      [{ destination: '/a', uidMappings: [] }],
      'mounts[0] must have both uidMappings and gidMappings, or neither [/mounts/0]',
    ],
  ]
  for (const [path, value, message] of cases) assertRefused(specWith(path, value), message)
})

test('refuses more id mappings than the kernel can take (CVE-2021-43784)', () => {
  const uidMappings = Array.from({ length: 100_000 }, (_, n) => ({ containerID: n, hostID: n, size: 1 }))
  assertRefused(
    specWith('linux', { namespaces: [{ type: 'user' }], uidMappings }),
    'uidMappings must have at most 340 entries, found 100000 [/linux/uidMappings]',
  )
})

test('takes null for an absent optional member, as Go writes it', () => {
  const spec = parseRuntimeSpec({ ...minimal(), mounts: null, hooks: { prestart: null }, annotations: null })
  assert.deepEqual(spec, { ...minimal(), hooks: {} })
})

test('makes the deprecated relative mount destination absolute', () => {
  const spec = parseRuntimeSpec(specWith('mounts', [{ destination: 'proc', type: 'proc' }]))
  assert.equal(spec.mounts?.[0]?.destination, '/proc')
})

test('accepts namespaced sysctls in both spellings', () => {
  const linux = {
    namespaces: [{ type: 'network' }, { type: 'ipc' }, { type: 'uts' }],
    sysctl: {
      'net/ipv4/conf/eth0.1/forwarding': '1',
      'kernel.sem': '1',
      'fs.mqueue.msg_max': '1',
      'kernel.domainname': 'x',
    },
  }
  assert.deepEqual(parseRuntimeSpec(specWith('linux', linux)).linux, linux)
})

test('keeps unknown capabilities, which the specification wants warned about', () => {
  const process = { ...minimal().process, capabilities: { bounding: ['CAP_FUTURE'] } }
  assert.deepEqual(parseProcess(process).capabilities, { bounding: ['CAP_FUTURE'] })
})

test('a __proto__ key is a key like any other', () => {
  const annotations = JSON.parse('{"__proto__": "x"}')
  const parsed = parseRuntimeSpec({ ...minimal(), annotations }).annotations!
  assert.deepEqual(Object.entries(parsed), [['__proto__', 'x']])
  assert.equal(Object.getPrototypeOf(parsed), Object.prototype)
  assert.throws(() => parseRuntimeSpec(JSON.parse('{"__proto__": {"ociVersion": "1.0.0"}}')), /ociVersion must be/)
})

test('parses the documents that exec and update take', () => {
  assert.throws(() => parseProcess({ user: { uid: 0, gid: 0 }, args: ['a'] }), /cwd .* \[\/cwd\]/)
  assert.deepEqual(parseLinuxResources({ memory: { limit: 2n ** 60n } }), { memory: { limit: 2n ** 60n } })
  assert.throws(() => parseLinuxResources({ rdma: { x: {} } }), /x must have hcaHandles or hcaObjects \[\/rdma\/x\]/)
})
