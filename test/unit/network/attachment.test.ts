import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { isUtsuwaError } from '../../../src/errors.ts'
import { connect, disconnect, type NetworkAttachment } from '../../../src/network/attachment.ts'
import { bridgeConflist } from '../../../src/network/conflist.ts'
import { commonVersion } from '../../../src/network/plugins.ts'
import { parseSubnet } from '../../../src/network/subnets.ts'

const directory = mkdtempSync(join(tmpdir(), 'utsuwa-cni-'))
const log = join(directory, 'log')
process.env.CNI_PATH = directory
process.env.SECRET = 'of the caller'
after(() => rmSync(directory, { recursive: true, force: true }))
beforeEach(() => writeFileSync(log, ''))

/** A plugin that writes down how it was called. */
function plugin(type: string, script = ''): void {
  const told = `echo "${type} $CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $CNI_NETNS$SECRET $(cat)" >>${log}`
  writeFileSync(join(directory, type), `#!/bin/sh\n${told}\n${script}\n`, { mode: 0o755 })
}

const calls = (): { words: string; config: Record<string, unknown> }[] =>
  readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .filter(Boolean)
    .map(line => ({ words: line.slice(0, line.indexOf(' {')), config: JSON.parse(line.slice(line.indexOf('{'))) }))

const answers = (result: object): string => `[ $CNI_COMMAND = DEL ] || echo '${JSON.stringify(result)}'`
const address = { cniVersion: '1.0.0', ips: [{ address: '10.9.0.2/24' }] }

const conflist = bridgeConflist({
  name: 'net',
  cniVersion: '1.0.0',
  bridge: 'utsuwa7',
  subnet: parseSubnet('10.9.0.0/24')!,
  gateway: '10.9.0.1',
  internal: false,
  labels: {},
  addressDirectory: '/addresses',
})
let kept: unknown[] = []
beforeEach(() => {
  kept = []
})
const keep = (result: unknown): void => void kept.push(result)

const attachment: NetworkAttachment = {
  containerId: 'box',
  ifName: 'eth0',
  conflist,
  runtimeConfig: { portMappings: [{ hostPort: 1, containerPort: 2, protocol: 'tcp' }], ips: ['10.9.0.2/24'] },
}

test('plugins are asked in their order, each with the result of the one before and with its capabilities alone', async () => {
  plugin('bridge', answers(address))
  plugin('portmap', answers({ ...address, dns: {} }))
  plugin('firewall', answers({ ...address, routes: [] }))
  await connect(attachment, '/proc/1/ns/net', { keep })
  assert.deepEqual(kept, [address, { ...address, dns: {} }, { ...address, routes: [] }])
  const [bridge, portmap, firewall] = calls()
  // SECRET is empty: the environment is theirs alone.
  assert.equal(bridge?.words, 'bridge ADD box eth0 /proc/1/ns/net')
  assert.deepEqual(bridge?.config.runtimeConfig, { ips: ['10.9.0.2/24'] })
  assert.deepEqual([bridge?.config.name, bridge?.config.cniVersion], ['net', '1.0.0'])
  assert.ok(!('prevResult' in bridge!.config) && !('capabilities' in bridge!.config) && !('utsuwa' in bridge!.config))
  assert.deepEqual(portmap?.config.runtimeConfig, { portMappings: attachment.runtimeConfig.portMappings })
  assert.deepEqual(portmap?.config.prevResult, address)
  assert.ok(!('runtimeConfig' in firewall!.config))
  assert.deepEqual(firewall?.config.prevResult, { ...address, dns: {} })
})

test('they let go in reverse order, with the last result, without a namespace where it is gone', async () => {
  for (const type of ['bridge', 'portmap', 'firewall']) plugin(type)
  await disconnect({ ...attachment, result: address }, '')
  assert.deepEqual(
    calls().map(({ words }) => words),
    ['firewall DEL box eth0 ', 'portmap DEL box eth0 ', 'bridge DEL box eth0 '],
  )
  assert.ok(calls().every(({ config }) => JSON.stringify(config.prevResult) === JSON.stringify(address)))
})

test('portmap is not asked where there are no ports', async () => {
  for (const type of ['bridge', 'portmap', 'firewall']) plugin(type, answers(address))
  await connect({ ...attachment, runtimeConfig: {} }, '/proc/1/ns/net', { keep })
  assert.deepEqual(
    calls().map(({ words }) => words.split(' ')[0]),
    ['bridge', 'firewall'],
  )
})

test('one that fails says why; what those before it have made is known by then', async () => {
  plugin('bridge', answers(address))
  plugin('portmap', `[ $CNI_COMMAND = DEL ] || { echo '{"code":7,"msg":"no","details":"way"}'; exit 1; }`)
  plugin('firewall')
  await assert.rejects(connect(attachment, '/proc/1/ns/net', { keep }), error => {
    assert.ok(isUtsuwaError(error, 'CNI_FAILED'))
    assert.equal(error.message, 'add by CNI plugin portmap: no: way')
    return true
  })
  assert.deepEqual(
    calls().map(({ words }) => words.split(' ').slice(0, 2).join(' ')),
    ['bridge ADD', 'portmap ADD'],
  )
  assert.deepEqual(kept, [address])
})

test('one that lets go of nothing keeps no other from it but that which gives the address back', async () => {
  for (const type of ['bridge', 'portmap']) plugin(type)
  plugin('firewall', 'echo broken >&2; exit 3')
  await assert.rejects(disconnect(attachment, ''), /^UtsuwaError: del by CNI plugin firewall: broken$/)
  assert.deepEqual(
    calls().map(({ words }) => words.split(' ')[0]),
    ['firewall', 'portmap'],
  )
  rmSync(join(directory, 'firewall'))
  await disconnect(attachment, '')
})

test('one that is not there is named, with the package; one that prints no JSON is, too', async () => {
  rmSync(join(directory, 'bridge'), { force: true })
  await assert.rejects(connect(attachment, '/x', { keep }), error => {
    assert.ok(isUtsuwaError(error, 'UNSUPPORTED') && error.hint?.includes('containernetworking-plugins'))
    return true
  })
  plugin('bridge', 'echo hello')
  await assert.rejects(connect(attachment, '/x', { keep }), /it printed something else than JSON/)
})

test('who gives up is not kept waiting', async () => {
  plugin('bridge', '[ $CNI_COMMAND = DEL ] || exec sleep 1000')
  for (const type of ['portmap', 'firewall']) plugin(type)
  const controller = new AbortController()
  const connecting = connect(attachment, '/x', { keep, signal: controller.signal })
  setImmediate(() => controller.abort())
  await assert.rejects(connecting, error => isUtsuwaError(error, 'ABORTED'))
})

test('the newest version that all know is chosen', async () => {
  plugin('bridge', `echo '{"supportedVersions":["0.3.1","0.4.0","1.0.0"]}'`)
  plugin('portmap', `echo '{"supportedVersions":["0.3.1","0.4.0"]}'`)
  assert.equal(await commonVersion(['bridge', 'portmap']), '0.4.0')
  plugin('portmap', `echo '{"supportedVersions":["0.1.0"]}'`)
  await assert.rejects(commonVersion(['bridge', 'portmap']), /have no version in common/)
})
