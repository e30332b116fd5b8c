/** Ports of the host that lead to containers, and the files that tell them of names. */
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { killOutright, SERVE, TestHost } from './host.ts'

let host: TestHost
before(async () => {
  host = await TestHost.open()
})
afterEach(() => host.utsuwa(['rm', '-fa']))
after(() => host[Symbol.dispose]())

test('published ports lead to it, from loopback and from an address of the host, until it is gone', async () => {
  await host.succeed(
    'run',
    '-d',
    '--name',
    'web',
    '-h',
    'web',
    '-p',
    '8080:80',
    '-p',
    '127.0.0.1::80',
    '-p',
    '90-91:90-91/udp',
    '--rootfs',
    host.rootfs,
    'sh',
    '-c',
    SERVE,
  )
  assert.equal(host.fetch('http://127.0.0.1:8080/index.html'), 'from web\n')
  assert.equal(host.fetch('http://192.0.2.1:8080/index.html'), 'from web\n')
  const random = (await host.succeed('port', 'web', '80')).split('\n')[1]!
  assert.equal(host.fetch(`http://${random}/index.html`), 'from web\n')
  assert.match(await host.succeed('port', 'web'), /^90\/udp -> 0\.0\.0\.0:90\n91\/udp -> 0\.0\.0\.0:91\n$/m)
  assert.match(await host.succeed('ps'), / 0\.0\.0\.0:8080->80\/tcp, 127\.0\.0\.1:\d+->80\/tcp, /)
  const taken = await host.utsuwa(['run', '--rm', '-p', '192.0.2.1:8080:1', '--rootfs', host.rootfs, 'true'])
  assert.deepEqual(
    [taken.exitCode, taken.stderr],
    [125, 'utsuwa: publish port 8080/tcp: it is used by container web\n'],
  )
  await host.succeed('rm', '-f', 'web')
  assert.deepEqual(host.rulesOfContainers(), [])
  assert.deepEqual(host.addresses('bridge'), [])
  assert.match(await host.run(['-p', '8080:80'], 'echo free'), /free/)
})

test('a port that a process of the host listens on is not published; of a range another one is taken', async () => {
  const listener = await host.foreground(['--rm', '--network', 'host'], 'nc -l -p 7000 >/dev/null')
  const refused = await host.utsuwa(['run', '--rm', '-p', '7000:80', '--rootfs', host.rootfs, 'true'])
  assert.match(refused.stderr, /publish port 7000\/tcp: it is used by a process of this machine/)
  const other = await host.foreground(['--rm', '--name', 'ranged', '-p', '7000-7005:80'])
  assert.equal(await host.succeed('port', 'ranged', '80'), '0.0.0.0:7001\n')
  await Promise.all([killOutright(listener), killOutright(other)])
  await host.succeed('ps')
})

test('names and resolvers are what the flags say, and can be written to', async () => {
  const flags = ['--dns', '192.0.2.53', '--dns-search', 'example.org', '--dns-option', 'ndots:2', '-h', 'vessel']
  const hosts = ['--add-host', 'other:192.0.2.9', '--add-host', 'gate=host-gateway']
  const script =
    'cat /etc/resolv.conf /etc/hostname; grep -E "other|gate|vessel" /etc/hosts; echo x >>/etc/hosts; tail -n 1 /etc/hosts'
  const output = await host.run([...flags, ...hosts], script)
  assert.match(
    output,
    /^search example\.org\nnameserver 192\.0\.2\.53\noptions ndots:2\nvessel\n192\.0\.2\.9\tother\n10\.87\.0\.1\tgate\n10\.87\.0\.\d+\tvessel .*\nx\n$/,
  )
  assert.equal(await host.run(['--read-only'], '{ echo x >>/etc/hosts; } 2>/dev/null || echo refused'), 'refused\n')
})
