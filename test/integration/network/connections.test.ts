/** What containers are connected to, and whom they reach. */
import assert from 'node:assert/strict'
import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { buildBusyboxImage } from '../../support/image-builder.ts'
import { killOutright, SERVE, TestHost } from './host.ts'

let host: TestHost
before(async () => {
  host = await TestHost.open()
})
afterEach(() => host.utsuwa(['rm', '-fa']))
after(() => host[Symbol.dispose]())

test('without a flag a container has an address and a way out, and gives both back', async () => {
  const script = 'ip -4 addr show dev eth0; ip route; ping -c 1 -w 5 192.0.2.1 >/dev/null && echo reached'
  const output = await host.run([], script)
  assert.match(output, /inet 10\.87\.0\.2\/16 .* eth0\n/)
  assert.match(output, /^default via 10\.87\.0\.1 dev eth0/m)
  assert.match(output, /^reached$/m)
  assert.deepEqual(host.addresses('bridge'), [])
  assert.deepEqual(host.rulesOfContainers(), [])
  assert.equal(host.execute('iptables-save', '-t', 'nat').match(/-j MASQUERADE$/gm)?.length, 1)
})

test('several that need the network first of all, at once, are in one', async () => {
  using other = await TestHost.open()
  const addresses = await Promise.all(
    [1, 2, 3, 4].map(() => other.run([], 'ip -4 -o addr show dev eth0 | grep -o "10[.0-9]*/16"')),
  )
  assert.equal(new Set(addresses).size, 4)
  assert.ok(
    addresses.every(address => /^10\.87\.0\.\d+\/16\n$/.test(address)),
    String(addresses),
  )
  assert.deepEqual(JSON.parse(await other.succeed('network', 'ls', '--json')).length, 1)
  assert.deepEqual([other.addresses('bridge'), other.rulesOfContainers()], [[], []])
  assert.equal(other.execute('iptables-save', '-t', 'nat').match(/utsuwa0.*-j MASQUERADE$/gm)?.length, 1)
  assert.equal(other.execute('iptables-save', '-t', 'mangle').match(/utsuwa0 .*-j DROP$/gm)?.length, 3)
})

test('with none it has loopback alone, with host what the host has', async () => {
  assert.equal(await host.run(['--network', 'none'], 'ls /sys/class/net; grep -c localhost /etc/hosts'), 'lo\n2\n')
  assert.match(await host.run(['--network', 'host'], 'ip -4 addr'), /192\.0\.2\.1\/24/)
})

test('two containers reach each other, and share what one has with container:NAME', async () => {
  await host.succeed('run', '-d', '--name', 'server', '-h', 'server', '--rootfs', host.rootfs, 'sh', '-c', SERVE)
  const address = await host.addressOf('server')
  assert.equal(host.fetch(`http://${address}/index.html`), 'from server\n')
  assert.equal(await host.run([], `wget -qO- http://${address}/index.html`), 'from server\n')
  const shared =
    'wget -qO- http://127.0.0.1/index.html; ip -4 -o addr show dev eth0 | grep -o "10[.0-9]*" | head -n 1; cat /etc/hosts'
  const output = await host.run(['--network', 'container:server'], shared)
  assert.match(output, new RegExp(`^from server\n${address}\n[^]*^${address}\tserver `, 'm'))
  await host.succeed('rm', '-f', 'server')
  const gone = await host.utsuwa(['run', '--rm', '--network', 'container:server', '--rootfs', host.rootfs, 'true'])
  assert.match(gone.stderr, /no container has the name or id "server"/)
})

test('in a user namespace of its own it is connected all the same', async () => {
  const layout = join(host.workplace.directory, 'layout')
  await buildBusyboxImage({ dir: layout, tag: 'localhost/box:1' })
  await host.succeed('load', '-i', layout)
  chmodSync(host.workplace.directory, 0o711) // the container's root is not the host's
  const script =
    'ping -c 1 -w 5 192.0.2.1 >/dev/null && echo reached; grep -c localhost /etc/hosts; ip link set eth0 down 2>&1'
  const run = (...flags: string[]): Promise<string> =>
    host.succeed('run', '--rm', '--userns', 'auto', ...flags, 'localhost/box:1', 'sh', '-c', `${script} || true`)
  assert.equal(await run(), 'reached\n2\nip: SIOCSIFFLAGS: Operation not permitted\n')
  // Its network is its own, to do with as it likes.
  assert.equal(await run('--cap-add', 'NET_ADMIN'), 'reached\n2\n')
})

test('in a network that somebody made they know each other by name; it leads nowhere else', async () => {
  await host.succeed('network', 'create', 'backend', '--subnet', '10.9.0.0/24', '--label', 'team=blue')
  const overlapping = await host.utsuwa(['network', 'create', 'again', '--subnet', '10.9.0.128/25'])
  assert.match(overlapping.stderr, /10\.9\.0\.128\/25 overlaps with 10\.9\.0\.0\/24/)
  const flags = [
    '--network',
    'backend',
    '--name',
    'db',
    '--network-alias',
    'database',
    '--ip',
    '10.9.0.77',
    '--mac-address',
    '02:00:00:00:00:4d',
  ]
  const db = await host.foreground(['--rm', ...flags])
  assert.equal(await host.addressOf('db'), '10.9.0.77')
  const reach = 'ping -c 1 -w 5 db >/dev/null && ping -c 1 -w 5 database >/dev/null && echo reached'
  assert.equal(await host.run(['--network', 'backend'], reach), 'reached\n')
  const hosts = join(
    host.workplace.runRoot,
    'containers',
    JSON.parse(await host.succeed('inspect', 'db'))[0].Id,
    'etc/hosts',
  )
  const peer = await host.foreground(['--rm', '--network', 'backend', '--name', 'peer'])
  assert.match(readFileSync(hosts, 'utf8'), /^10\.9\.0\.\d+\t[0-9a-f]{12} peer$/m)
  await host.succeed('rename', 'peer', 'friend')
  assert.match(readFileSync(hosts, 'utf8'), /^10\.9\.0\.\d+\t[0-9a-f]{12} friend$/m)
  assert.doesNotMatch(await host.run([], 'ping -c 1 -w 1 10.9.0.77 >/dev/null && echo reached; true'), /reached/)
  const inUse = await host.utsuwa(['network', 'rm', 'backend'])
  assert.match(inUse.stderr, /^utsuwa: remove network backend: it is used by (db, friend|friend, db)\n/)
  await killOutright(peer)
  await host.succeed('ps')
  assert.doesNotMatch(readFileSync(hosts, 'utf8'), /friend|peer/)
  await killOutright(db)
  await host.succeed('network', 'rm', 'backend')
  assert.doesNotMatch(host.execute('ip', 'link'), /utsuwa1/)
  assert.doesNotMatch(host.execute('iptables-save'), /10\.9\.0\.0|utsuwa1/)
})

test('an internal network leads to its own containers alone', async () => {
  await host.succeed('network', 'create', '--internal', 'inside')
  const peer = await host.foreground(['--rm', '--network', 'inside', '--name', 'peer'])
  const script = 'ip route | grep -c default; ping -c 1 -w 5 peer >/dev/null && echo reached'
  assert.equal(await host.run(['--network', 'inside'], script), '0\nreached\n')
  await killOutright(peer)
  assert.equal(await host.succeed('network', 'prune', '-f'), '')
  await host.succeed('ps')
  assert.equal(await host.succeed('network', 'prune', '-f'), 'inside\n')
})
