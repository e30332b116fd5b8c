/**
 * Who reaches what, from where nobody asked them to. CVE-2020-8558: a container, by default options, spoke to services on the
 * host's 127.0.0.1, because the plugin that publishes ports lets its bridge be a way there. moby#41872 and #45610: a port
 * that is published on 127.0.0.1 answered a machine nearby that routes that address by this host. moby#48724 and #49325:
 * so did ports that nobody published, where the bridge's network was routed by this host.
 *
 * Seen to fail with rules of `rulesOf` (src/network/host-rules.ts) taken out. Without the one of PREROUTING, each of a container's
 * twenty datagrams to 127.0.0.1 and 127.1.2.3 reached what listens there. Without the one about `--ctorigdst`, a neighbour saw tcp/8080,
 * tcp/8081 and udp/9053 of 127.0.0.1. Without the one about `--ctstate`, it saw tcp/80, tcp/81, udp/53 and udp/54 of both containers.
 * Without the one of INPUT, the host got ten datagrams from an internal network. Before there were any, a plugin saw none.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { holdNamespaces, TestHost } from '../../integration/network/host.ts'
import { compileProgram } from '../support.ts'

const [serve, probe] = ['serve.ts', 'probe.ts'].map(name => join(import.meta.dirname, name)) as [string, string]

/** One link away from the host, and takes the host for the way to everything: to loopback too. */
const NEIGHBOUR = [
  'ip link add name eth0 type veth peer name wan0 netns HOST',
  'ip addr add 198.51.100.2/24 dev eth0',
  'ip link set eth0 up',
  'echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet',
  'nsenter --net=/proc/HOST/ns/net sh -c "ip addr add 198.51.100.1/24 dev wan0; ip link set wan0 up"',
  'ip route add default via 198.51.100.1',
  'ip route add 127.0.0.0/8 via 198.51.100.1',
].join(' && ')

const LISTENING = ['tcp/80', 'tcp/81', 'udp/53', 'udp/54']
const PORTS = [
  'tcp/22',
  'tcp/443',
  'tcp/5000',
  'udp/5000',
  'tcp/8080',
  'tcp/8081',
  'tcp/8082',
  'tcp/8083',
  'tcp/8086',
  'udp/9053',
]

for (const iptables of ['nft', 'legacy'] as const)
  describe(`a host with iptables-${iptables} that forwards everything`, () => {
    let host: TestHost
    let neighbour: ChildProcess
    const servers: ChildProcess[] = []
    before(async () => {
      host = await TestHost.open(iptables)
      neighbour = await holdNamespaces(NEIGHBOUR.replaceAll('HOST', String(host.pid)))
    })
    after(async () => {
      await host.utsuwa(['rm', '-fa'])
      for (const process of [...servers, neighbour]) process.kill('SIGKILL')
      host[Symbol.dispose]()
    })

    /** @returns what it prints from then on */
    async function listen(namespace: number, address: string, ports: readonly string[]): Promise<() => string> {
      const words = [`--net=/proc/${namespace}/ns/net`, process.execPath, serve, address, ...ports]
      const server = spawn('nsenter', words, { stdio: ['ignore', 'pipe', 'inherit'] })
      servers.push(server)
      let said = ''
      server.stdout.on('data', chunk => {
        said += chunk
      })
      await once(server.stdout, 'data')
      assert.match(said, /^ready\n/)
      return () => said.slice('ready\n'.length)
    }

    async function start(
      name: string,
      ...flags: string[]
    ): Promise<{ readonly pid: number; readonly address: string }> {
      await host.succeed('run', '-d', '--name', name, ...flags, '--rootfs', host.rootfs, 'sleep', '1000')
      const [{ State, NetworkSettings }] = JSON.parse(await host.succeed('inspect', name))
      return { pid: State.Pid, address: NetworkSettings.IPAddress }
    }

    /** Of all ports that are in play, at these addresses, those that answer. */
    function seen(addresses: readonly string[]): string[] {
      const targets = addresses.flatMap(address =>
        [...LISTENING, ...PORTS].map(port => port.replace('/', `://${address}:`)),
      )
      const words = [`--net=/proc/${neighbour.pid}/ns/net`, process.execPath, probe, ...targets]
      const output = host.execute('nsenter', ...words)
      return output.split('\n').filter(Boolean).sort()
    }

    const OF_HOST = ['192.0.2.1', '198.51.100.1', '10.87.0.1', '10.9.0.1']
    const PUBLISHED = [
      ...OF_HOST.flatMap(address => [`tcp://${address}:8080`, `udp://${address}:9053`]),
      'tcp://192.0.2.1:8082',
      'tcp://198.51.100.1:8083',
    ].sort()

    test('a neighbour sees the ports that are published, at the addresses where they are, and nothing else', async () => {
      await host.succeed('network', 'create', 'backend', '--subnet', '10.9.0.0/24')
      const everywhere = ['-p', '8080:80', '-p', '9053:53/udp']
      const somewhere = ['127.0.0.1:8081:80', '192.0.2.1:8082:80', '198.51.100.1:8083:80'].flatMap(port => ['-p', port])
      const web = await start('web', ...everywhere, ...somewhere)
      const db = await start('db', '--network', 'backend')
      for (const { pid } of [web, db]) await listen(pid, '0.0.0.0', LISTENING)
      await listen(host.pid, '127.0.0.1', ['tcp/5000', 'udp/5000'])
      const addresses = [...OF_HOST, '127.0.0.1', '127.0.0.2', web.address, db.address]
      assert.deepEqual(seen(addresses), PUBLISHED)
      // The host itself is told otherwise.
      const own = ['tcp://127.0.0.1:8080', 'tcp://127.0.0.1:8081', 'tcp://127.0.0.1:5000', `tcp://${db.address}:81`]
      assert.equal(host.execute(process.execPath, probe, ...own), `${own.join('\n')}\n`)
      // Somebody starts the firewall anew; the next container has the rules made again.
      host.execute('iptables', '-t', 'mangle', '-F')
      for (const network of ['bridge', 'backend']) await host.run(['--network', network], 'true')
      assert.deepEqual(seen(addresses), PUBLISHED)
      await host.succeed('rm', '-f', 'web', 'db')
      assert.deepEqual(seen(addresses), [])
    })

    test('a container does not reach what listens on loopback of the host by frames of its own', async () => {
      copyFileSync(compileProgram('frame', host.workplace.directory), join(host.rootfs, 'bin/frame'))
      const said = await listen(host.pid, '0.0.0.0', ['udp/5001'])
      const gateway =
        "ping -c 1 -w 5 10.87.0.1 >/dev/null; gateway=$(awk '/^10.87.0.1 /{print $4}' /proc/net/arp); own=$(ip -4 -o addr show dev eth0 | grep -o '10[.0-9]*' | head -n 1)"
      const knock = (address: string): string => `frame $own ${address} 5001 $gateway`
      const script = `${gateway}; ${knock('10.87.0.1')}; ${knock('127.0.0.1')}; ${knock('127.1.2.3')}`
      assert.equal(await host.run(['-p', '8084:80'], script), 'answered\nnot answered\nnot answered\n')
      assert.equal(said().split('\n').filter(Boolean).length, 1)
    })

    test('nor does one in a network that somebody described', async () => {
      const dataDir = join(host.workplace.directory, 'own')
      const ipam = { type: 'host-local', dataDir, subnet: '10.7.0.0/24', routes: [{ dst: '0.0.0.0/0' }] }
      const plugins = [
        { type: 'bridge', isGateway: true, ipam },
        { type: 'portmap', capabilities: { portMappings: true } },
      ]
      const directory = join(host.workplace.directory, 'store/networks')
      const conflist = { cniVersion: '1.0.0', name: 'own', plugins }
      writeFileSync(join(directory, 'own.conflist'), JSON.stringify(conflist))
      const box = await start('own', '--network', 'own', '-p', '127.0.0.1:8086:80')
      await listen(box.pid, '0.0.0.0', ['tcp/80'])
      assert.deepEqual(
        seen(['127.0.0.1', box.address]).filter(target => !/^udp/.test(target)),
        [`tcp://${box.address}:80`],
      )
      await host.succeed('rm', '-f', 'own')
      await host.succeed('network', 'rm', 'own')
      assert.doesNotMatch(host.execute('iptables-save'), /cni0/)
    })

    test('an internal network does not reach the host, which has no address there, by its link-layer address', async () => {
      await host.succeed('network', 'create', '--internal', '--subnet', '10.8.0.0/24', 'inside')
      copyFileSync(compileProgram('frame', host.workplace.directory), join(host.rootfs, 'bin/frame'))
      const { Bridge: bridge } = JSON.parse(await host.succeed('network', 'inspect', 'inside'))[0]
      const said = await listen(host.pid, '0.0.0.0', ['udp/5002'])
      const box = await start('box', '--network', 'inside')
      const [{ address: link }] = JSON.parse(host.execute('ip', '-json', 'link', 'show', 'dev', bridge))
      const knocked = await host.succeed('exec', 'box', 'frame', box.address, '192.0.2.1', '5002', link)
      assert.deepEqual([knocked, said()], ['not answered\n', ''])
      await host.succeed('rm', '-f', 'box')
      await host.succeed('network', 'rm', 'inside')
    })

    test('the rules are there before the first plugin acts, and go with their network', async () => {
      const plugins = join(host.workplace.directory, 'plugins')
      mkdirSync(plugins)
      const seenBy = join(host.workplace.directory, 'seen')
      const look = `[ $CNI_COMMAND = ADD ] && iptables -t mangle -S >${seenBy}`
      for (const type of ['bridge', 'host-local', 'portmap', 'firewall'])
        writeFileSync(join(plugins, type), `#!/bin/sh\n${type === 'bridge' ? look : ''}\nexec /usr/lib/cni/${type}\n`, {
          mode: 0o755,
        })
      await host.succeed('network', 'create', 'brief', '--subnet', '10.6.0.0/24')
      const { Bridge: bridge } = JSON.parse(await host.succeed('network', 'inspect', 'brief'))[0]
      const flags = ['run', '--rm', '--network', 'brief', '-p', '8085:80', '--rootfs', host.rootfs, 'true']
      assert.deepEqual(await host.utsuwa(flags, { CNI_PATH: plugins }), { exitCode: 0, stdout: '', stderr: '' })
      const rules = readFileSync(seenBy, 'utf8').split('\n')
      assert.equal(rules.filter(rule => rule.includes(`utsuwa: ${bridge}`)).length, 3, rules.join('\n'))
      await host.succeed('network', 'rm', 'brief')
      assert.doesNotMatch(host.execute('iptables-save'), new RegExp(`\\b${bridge}\\b`))
    })
  })
