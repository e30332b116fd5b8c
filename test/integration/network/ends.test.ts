/** What containers have of their networks is given back, whoever is killed; and what plugins say when they fail. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { loseAtBoot } from '../../support/boot.ts'
import { until } from '../../support/until.ts'
import { killOutright, SERVE, TestHost } from './host.ts'

let host: TestHost
before(async () => {
  host = await TestHost.open()
})
afterEach(() => host.utsuwa(['rm', '-fa']))
after(() => host[Symbol.dispose]())

test('addresses and ports come back when everybody is killed', async () => {
  await host.succeed('network', 'create', 'small', '--subnet', '10.8.0.0/29')
  // Five are to be had.
  const holders = await Promise.all(
    ['a', 'b', 'c', 'd', 'e'].map(name =>
      host.foreground(['--name', name, '--network', 'small', ...(name === 'a' ? ['-p', '6000:80'] : [])]),
    ),
  )
  assert.equal(host.addresses('small').length, 5)
  const full = await host.utsuwa(['run', '--rm', '--network', 'small', '--rootfs', host.rootfs, 'true'])
  assert.match(full.stderr, /add by CNI plugin bridge: .*no IP addresses available/)
  await Promise.all(holders.map(killOutright))
  // Nobody has looked since: the next container takes back what it needs.
  assert.equal(await host.run(['--network', 'small', '-p', '6000:80'], 'echo ran'), 'ran\n')
  assert.deepEqual(host.addresses('small'), [])
  assert.deepEqual(host.rulesOfContainers(), [])
  await host.succeed('rm', 'a', 'b', 'c', 'd', 'e')
  await host.succeed('network', 'rm', 'small')
})

test('a monitor and its container killed outright: rm gives back what they had, also what was given back already', async () => {
  await host.succeed('run', '-d', '--name', 'lost', '-p', '6001:80', '--rootfs', host.rootfs, 'sleep', '1000')
  const [
    {
      Id: id,
      State: { Pid: pid },
    },
  ] = JSON.parse(await host.succeed('inspect', 'lost'))
  const directory = join(host.workplace.runRoot, 'containers', id)
  const { monitor } = JSON.parse(readFileSync(join(directory, 'state.json'), 'utf8'))
  process.kill(monitor.pid, 'SIGKILL')
  process.kill(pid, 'SIGKILL')
  const kept = readFileSync(join(directory, 'network.json'))
  assert.equal(host.addresses('bridge').length, 1)
  await host.succeed('ps')
  assert.deepEqual([host.addresses('bridge'), host.rulesOfContainers()], [[], []])
  // As if whoever did that had been killed before it was written down.
  writeFileSync(join(directory, 'network.json'), kept)
  await host.succeed('rm', 'lost')
  assert.deepEqual([host.addresses('bridge'), host.rulesOfContainers()], [[], []])
})

test('a detached container gives everything back at its end, with nobody there', async () => {
  await host.succeed('run', '-d', '--name', 'ends', '-p', '6002:80', '--rootfs', host.rootfs, 'sh', '-c', SERVE)
  host.fetch('http://127.0.0.1:6002/index.html')
  await host.succeed('stop', '-t', '1', 'ends')
  for (let tries = 0; tries < 600 && host.addresses('bridge').length > 0; tries++) await setTimeout(100)
  assert.deepEqual([host.addresses('bridge'), host.rulesOfContainers()], [[], []])
})

test('a container that is started again is connected anew, and its ports lead to it', async () => {
  const flags = ['--name', 'again', '--restart', 'always', '-p', '6003:80']
  await host.succeed('run', '-d', ...flags, '--rootfs', host.rootfs, 'sh', '-c', SERVE)
  assert.match(host.fetch('http://127.0.0.1:6003/index.html'), /^from /)
  const [{ State: before }] = JSON.parse(await host.succeed('inspect', 'again'))
  process.kill(before.Pid, 'SIGKILL')
  for (let tries = 0; tries < 600; tries++) {
    const [{ State: now }] = JSON.parse(await host.succeed('inspect', 'again'))
    if (now.Running && now.Pid !== before.Pid) break
    await setTimeout(100)
  }
  assert.match(host.fetch('http://127.0.0.1:6003/index.html'), /^from /)
  await host.succeed('stop', '-t', '1', 'again')
  await host.succeed('start', 'again')
  assert.match(host.fetch('http://127.0.0.1:6003/index.html'), /^from /)
  assert.equal(host.addresses('bridge').length, 1)
  await host.succeed('rm', '-f', 'again')
  assert.deepEqual([host.addresses('bridge'), host.rulesOfContainers()], [[], []])
})

test('a container whose first process dies while it is connected again comes back all the same', async () => {
  const [plugin, own, killed] = ['plugin', 'own', 'killed'].map(name => join(host.workplace.directory, name))
  // Kills, once, the processes of the network namespace that it is called for, and succeeds.
  const killAll = `for process in /proc/[0-9]*; do
    [ "$(stat -L -c %i $process/ns/net 2>/dev/null)" != "$(stat -L -c %i "$CNI_NETNS")" ] || kill -9 \${process#/proc/}
  done`
  const script = `#!/bin/sh\n[ "$CNI_COMMAND" = DEL ] || [ -e ${killed} ] || { ${killAll}; touch ${killed}; }\nexec ${own}\n`
  await host.succeed(
    ...['run', '-d', '--name', 'again', '--restart', 'always', '--rootfs', host.rootfs, 'sleep', '1000'],
  )
  const state = async (): Promise<{ Running: boolean; Pid: number }> =>
    JSON.parse(await host.succeed('inspect', 'again'))[0].State
  const { Pid: first } = await state()
  host.execute('cp', '/usr/lib/cni/firewall', own!)
  writeFileSync(plugin!, script, { mode: 0o755 })
  host.execute('mount', '--bind', plugin!, '/usr/lib/cni/firewall')
  try {
    process.kill(first, 'SIGKILL')
    await until('it runs again', async () => {
      const { Running, Pid } = await state()
      return existsSync(killed!) && Running && Pid !== first
    })
  } finally {
    host.execute('umount', '/usr/lib/cni/firewall')
  }
})

test('after a boot ports lead to what starts then, and what shares its network starts after it', async () => {
  const run = (name: string, flags: readonly string[], script: string): Promise<string> =>
    host.succeed(
      ...['run', '-d', '--restart', 'always', '--name', name, ...flags, '--rootfs', host.rootfs, 'sh', '-c', script],
    )
  await run('server', ['-p', '6004:80', '-h', 'server'], SERVE)
  await run('beside', ['--network', 'container:server'], 'exec httpd -f -p 81 -h /tmp')
  await loseAtBoot(host.workplace.runRoot)
  host.execute('sh', '-c', 'ip link del utsuwa0; iptables -F; iptables -t nat -F; iptables -X; iptables -t nat -X')
  assert.equal(await host.succeed('start-at-boot'), 'server\nbeside\n')
  assert.equal(host.fetch('http://127.0.0.1:6004/index.html'), 'from server\n')
  assert.equal(host.fetch(`http://${await host.addressOf('server')}:81/index.html`), 'from server\n')
})

test('without plugins an error names the package, and nothing is left; none and host work', async () => {
  const env = { CNI_PATH: '/nonexistent' }
  const { exitCode, stderr } = await host.utsuwa(['run', '--rm', '--rootfs', host.rootfs, 'true'], env)
  assert.equal(exitCode, 125)
  assert.match(
    stderr,
    /there is no CNI plugin bridge in \/nonexistent\nhint: apt-get install containernetworking-plugins, or use --network none or host\n$/,
  )
  for (const network of ['none', 'host'])
    assert.equal(
      (await host.utsuwa(['run', '--rm', '--network', network, '--rootfs', host.rootfs, 'true'], env)).exitCode,
      0,
    )
  assert.equal(await host.succeed('ps', '-aq'), '')
})

test('what a plugin says is passed on, and those before it are undone', async () => {
  const plugins = join(host.workplace.directory, 'plugins')
  mkdirSync(plugins)
  for (const type of ['bridge', 'host-local', 'portmap'])
    writeFileSync(join(plugins, type), `#!/bin/sh\nexec /usr/lib/cni/${type}\n`, { mode: 0o755 })
  const says = '{"cniVersion":"1.0.0","code":100,"msg":"the wall is closed","details":"for today"}'
  const script = `#!/bin/sh\ncat >/dev/null\n[ "$CNI_COMMAND" = DEL ] && exit 0\n[ -z "$SECRET" ] || echo leaked >&2\necho '${says}'\nexit 1\n`
  writeFileSync(join(plugins, 'firewall'), script, { mode: 0o755 })
  const failed = await host.utsuwa(['run', '--rm', '--rootfs', host.rootfs, 'true'], { CNI_PATH: plugins, SECRET: '1' })
  assert.deepEqual(
    [failed.exitCode, failed.stderr],
    [125, 'utsuwa: add by CNI plugin firewall: the wall is closed: for today\n'],
  )
  assert.deepEqual(host.addresses('bridge'), [])
  assert.equal(await host.succeed('ps', '-aq'), '')
})
