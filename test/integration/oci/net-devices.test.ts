/** Network devices of the host that move into a container; the host is here a network namespace of the caller's own. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import type { RuntimeSpec } from '../../../src/spec/runtime.ts'
import { isOurs, type Outcome, Playground } from './runtime.ts'

/** What this kernel has of the kinds of devices that need no hardware. */
const kind = ['dummy', 'veth'].find(canMake)
const skip = (!isOurs && 'runc has netDevices from 1.4 on') || (kind === undefined && 'no device can be made here')

function canMake(type: string): boolean {
  try {
    execFileSync('unshare', ['--net', 'ip', 'link', 'add', 'x', 'type', type], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** `setUp` is done on the host, then the runtime is called there, then `after`. */
function run(
  t: TestContext,
  setUp: string,
  netDevices: NonNullable<RuntimeSpec['linux']>['netDevices'] & object,
  { script = 'busybox ip addr', after = ':' } = {},
): Promise<Outcome> {
  const ground = new Playground(t, [
    'unshare',
    '--net',
    'sh',
    '-c',
    `${setUp}; "$@"; status=$?; ${after}; exit $status`,
    '-',
  ])
  ground.configure(['sh', '-c', script], spec => {
    spec.linux!.netDevices = netDevices
  })
  return ground.call(['run', '-b', ground.bundle, ground.newId()])
}

const device = `ip link add eth7 type ${kind}; ip link set eth7 mtu 1300 address 02:00:00:00:00:07 up`

test('a device comes with its attributes and its global addresses, under another name, and is up', {
  skip,
}, async t => {
  const addresses = 'ip addr add 192.0.2.7/24 brd + dev eth7; ip addr add 2001:db8::7/64 nodad dev eth7'
  const { stdout, stderr } = await run(t, `${device}; ${addresses}`, { eth7: { name: 'inside' } })
  assert.match(stdout, /^\d+: inside(@\w+)?: <[^>]*\bUP\b[^>]*> mtu 1300 /m, stderr)
  assert.match(stdout, /link\/ether 02:00:00:00:00:07 /)
  assert.match(stdout, /inet 192\.0\.2\.7\/24 brd 192\.0\.2\.255 scope global inside/)
  assert.match(stdout, /inet6 2001:db8::7\/64 scope global/)
  assert.doesNotMatch(stdout, /eth7/)
})

test('several devices, with their own names, and with one that the kernel completes', { skip }, async t => {
  const two = `ip link add a0 type ${kind}; ip link add a1 type ${kind}`
  const script = 'busybox ls /sys/class/net'
  const { stdout, stderr } = await run(t, two, { a0: {}, a1: { name: 'net%d' } }, { script })
  assert.deepEqual(
    stdout.split('\n').filter(name => /^(a|net)\d/.test(name)),
    ['a0', 'net0'],
    stderr,
  )
})

test('a name that is taken, and a device that is not there, are errors; the device stays on the host', {
  skip,
}, async t => {
  const after = 'ip -o link show eth7'
  const taken = await run(t, device, { eth7: { name: 'lo' } }, { after })
  assert.match(
    taken.stderr,
    /move network device eth7 into the container as lo: EEXIST .*\[\/linux\/netDevices\/eth7\]/,
  )
  assert.match(taken.stdout, /eth7(@\w+)?: .*mtu 1300/)
  const missing = await run(t, ':', { eth9: {} })
  assert.equal(missing.status, 1)
  assert.match(missing.stderr, /move network device eth9 into the container: ENODEV /)
})

test('a user namespace is no obstacle: the devices are the caller’s to give', { skip }, async t => {
  const ground = new Playground(t, ['unshare', '--net', 'sh', '-c', `${device}; exec "$@"`, '-'])
  const maps = [{ containerID: 0, hostID: 100_000, size: 65_536 }]
  ground.configure(['busybox', 'ip', 'link'], spec => {
    Object.assign(spec.linux!, { netDevices: { eth7: {} }, uidMappings: maps, gidMappings: maps })
    spec.linux!.namespaces!.push({ type: 'user' })
  })
  execFileSync('chmod', ['-R', 'go+rX', ground.directory])
  const { stdout, stderr } = await ground.call(['run', '-b', ground.bundle, ground.newId()])
  assert.match(stdout, /eth7(@\w+)?: <[^>]*\bUP\b/, stderr)
})
