/** Callers that are killed while plugins are asked, plugins that fail, and those that do not let go. */
import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { killOutright, TestHost } from './host.ts'

let host: TestHost
let rules: string[]
before(async () => {
  host = await TestHost.open()
  // Chains that all containers share are there from now on.
  await host.run(['-p', '7100:80'], 'true')
  rules = allRules()
})
afterEach(() => host.utsuwa(['rm', '-fa']))
after(() => host[Symbol.dispose]())

const REAL = '/usr/lib/cni'
const ADD = '[ "$CNI_COMMAND" = ADD ]'
const DEL = '[ "$CNI_COMMAND" = DEL ]'
const FAIL = `{ echo '{"code":100,"msg":"the wall is closed"}'; exit 1; }`

/** All rules of the host's firewall, as they are written. */
function allRules(): string[] {
  const lines = host.execute('iptables-save').split('\n')
  return lines.filter(line => !line.startsWith('#')).map(line => line.replace(/ \[\d+:\d+\]$/, ''))
}

/** Environment in which one plugin is another program. @param script `$real` is the plugin itself */
function withPlugin(type: string, script: string): Record<string, string> {
  const directory = mkdtempSync(join(host.workplace.directory, 'plugins-'))
  for (const name of ['bridge', 'host-local', 'portmap', 'firewall']) {
    const words = name === type ? script : 'exec $real'
    writeFileSync(join(directory, name), `#!/bin/sh\nreal=${REAL}/${name}\n${words}\n`, { mode: 0o755 })
  }
  return { CNI_PATH: directory }
}

const flags = ['--rm', '--name', 'box', '-p', '7101:80']
const start = (env: Record<string, string>, more: readonly string[] = flags) =>
  host.utsuwa(['run', ...more, '--rootfs', host.rootfs, 'true'], env)

/** As the rest of a container's life is seen to by whoever looks next. */
async function assertAllGivenBack(what: string): Promise<void> {
  assert.deepEqual(allRules(), rules, what)
  assert.deepEqual(host.addresses('bridge'), [], what)
}

for (const plugin of ['bridge', 'portmap', 'firewall'])
  for (const [moment, script] of [
    ['before', `${ADD} && kill -9 $PPID\nexec $real`],
    ['after', `$real; status=$?; ${ADD} && kill -9 $PPID; exit $status`],
    // The plugin does not know of that, and makes what it was asked for.
    ['while it is slow', `${ADD} && { kill -9 $PPID; sleep 1; }\nexec $real`],
  ] as const)
    test(`the caller is killed ${moment} ${plugin}: nothing is left when ps has looked`, async () => {
      const { exitCode } = await start(withPlugin(plugin, script))
      assert.notEqual(exitCode, 0)
      await host.succeed('ps')
      await assertAllGivenBack('after ps')
      assert.equal(await host.succeed('ps', '-aq'), '')
    })

for (const plugin of ['bridge', 'portmap', 'firewall'])
  test(`${plugin} has made what it makes, and fails: nothing is left`, async () => {
    const { exitCode, stderr } = await start(withPlugin(plugin, `${ADD} && { $real >/dev/null; ${FAIL}; }\nexec $real`))
    assert.deepEqual([exitCode, stderr], [125, `utsuwa: add by CNI plugin ${plugin}: the wall is closed\n`])
    await assertAllGivenBack('at once')
    assert.equal(await host.succeed('ps', '-aq'), '')
  })

test('what fails on the way in is what is said, also where plugins do not let go; the next look tries that again', async () => {
  const env = withPlugin('firewall', `${ADD} && ${FAIL}\n${DEL} && { echo stuck >&2; exit 1; }\nexec $real`)
  const { exitCode, stderr } = await start(env)
  assert.deepEqual([exitCode, stderr], [125, 'utsuwa: add by CNI plugin firewall: the wall is closed\n'])
  assert.equal(host.addresses('bridge').length, 1)
  await host.succeed('ps')
  await assertAllGivenBack('after ps')
})

for (const [what, script, status] of [
  ['ends', ['sh', '-c', 'exit 7'], 7],
  ['cannot be executed', ['garbage'], 126],
] as const)
  test(`run --rm has the status of its command, which ${what}, where plugins do not let go`, async () => {
    const broken = withPlugin('firewall', `${DEL} && { echo stuck >&2; exit 1; }\nexec $real`)
    writeFileSync(join(host.rootfs, 'bin/garbage'), '\0', { mode: 0o755 })
    const { exitCode, stderr } = await host.utsuwa(['run', ...flags, '--rootfs', host.rootfs, ...script], broken)
    const says = 'utsuwa: warning: give back the network of container box: del by CNI plugin firewall: stuck\n'
    const [warning, ...rest] = stderr.split(/(?<=box removes it all the same\n)/)
    assert.equal(exitCode, status, stderr)
    assert.equal(warning, `${says}hint: utsuwa rm --force box removes it all the same\n`)
    assert.match(rest.join(''), status === 126 ? /^utsuwa: exec \/bin\/garbage: it is no ELF file/ : /^$/)
    assert.equal(host.addresses('bridge').length, 1)
    await host.succeed('ps')
    await assertAllGivenBack('after ps')
    assert.equal(await host.succeed('ps', '-aq'), '')
  })

test('one whose plugins do not let go is no reason for ps, run and rm of others to fail', async () => {
  const broken = withPlugin('firewall', `${DEL} && { echo stuck >&2; exit 1; }\nexec $real`)
  const fine = await host.foreground(['--name', 'fine', '-p', '7103:80'])
  const unnoticed = await host.foreground(['--name', 'broken', '-p', '7102:80'])
  const address = await host.addressOf('broken')
  await killOutright(unnoticed)
  const says = 'give back the network of container broken: del by CNI plugin firewall: stuck'
  const hint = 'hint: utsuwa rm --force broken removes it all the same\n'

  const list = await host.utsuwa(['ps', '-a', '--format', 'json'], broken)
  assert.deepEqual([list.exitCode, list.stderr], [0, `utsuwa: warning: ${says}\n${hint}`])
  assert.deepEqual(
    JSON.parse(list.stdout).map(({ name }: { name: string }) => name),
    ['broken', 'fine'],
  )
  // Of its own alone: the other one is another's.
  const other = await host.utsuwa(['run', '--name', 'other', '-p', '7104:80', '--rootfs', host.rootfs, 'true'], broken)
  const own = `${says}\n${hint}`.replaceAll('broken', 'other')
  assert.deepEqual([other.exitCode, other.stderr], [0, `utsuwa: warning: ${own}`])
  await killOutright(fine)
  const taken = await start(broken, ['--rm', '-p', '7102:80'])
  assert.match(taken.stderr, /publish port 7102\/tcp: it is used by container broken/)

  const refused = await host.utsuwa(['rm', 'broken'], broken)
  assert.deepEqual([refused.exitCode, refused.stdout, refused.stderr], [125, '', `utsuwa: ${says}\n${hint}`])
  const forced = await host.utsuwa(['rm', '-f', 'broken'], broken)
  assert.deepEqual([forced.exitCode, forced.stdout], [0, 'broken\n'])
  assert.match(
    forced.stderr,
    /^utsuwa: warning: .*stuck; rules .* 10\.87\.0\.\d+ may be left, and 10\.87\.0\.\d+ stays taken\n/,
  )
  // Nobody gets the address to which they may lead, and the port is free.
  assert.ok(host.addresses('bridge').includes(address))
  assert.match(await host.run(['-p', '7102:80'], 'echo free'), /free/)
  // Others, that were not removed by force, give all of it back when plugins do what they are asked for.
  await host.succeed('rm', 'fine', 'other')
  assert.deepEqual(host.addresses('bridge'), [address])
  await host.succeed('network', 'rm', 'bridge')
  assert.deepEqual(host.addresses('bridge'), [])
})

test('the end of one whose plugins do not let go is known all the same, and it can be started again later', async () => {
  const broken = withPlugin('firewall', `${DEL} && { echo stuck >&2; exit 1; }\nexec $real`)
  const script = ['--rootfs', host.rootfs, 'sh', '-c', 'exit 7']
  await host.run([], 'true') // the network may have been removed, and its rules with it
  const before = allRules()
  const run = await host.utsuwa(['run', '--name', 'seven', ...script], broken)
  assert.equal(run.exitCode, 7)
  const [{ State }] = JSON.parse(await host.succeed('inspect', 'seven'))
  assert.equal(State.ExitCode, 7)
  const again = await host.utsuwa(['start', '-a', 'seven'], broken)
  assert.match(again.stderr, /give back the network of container seven: del by CNI plugin firewall: stuck/)
  assert.equal((await host.utsuwa(['start', '-a', 'seven'])).exitCode, 7)
  await host.succeed('rm', 'seven')
  assert.deepEqual([host.addresses('bridge'), allRules()], [[], before])
})
