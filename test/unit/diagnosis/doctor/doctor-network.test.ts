import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { checkNetworks } from '../../../../src/diagnosis/doctor/doctor-network.ts'

const directory = mkdtempSync(join(tmpdir(), 'utsuwa-doctor-'))
process.env.CNI_PATH = directory
after(() => rmSync(directory, { recursive: true, force: true }))

test('what networks lack is named with the package that has it, and is no failure', () => {
  const put = (name: string) => writeFileSync(join(directory, name), '', { mode: 0o755 })
  for (const name of ['bridge', 'host-local', 'portmap']) put(name)
  const tell = () =>
    checkNetworks([directory]).map(({ id, status, message, fix }) => `${status} ${id}: ${message}; ${fix}`)
  assert.deepEqual(tell(), [
    'warn network.plugins: CNI plugins firewall are missing: there is --network none and host alone; apt-get install containernetworking-plugins',
    'warn network.iptables: iptables is missing: there is --network none and host alone; apt-get install iptables',
  ])
  put('firewall')
  put('iptables')
  assert.deepEqual(tell(), [
    'ok network.plugins: CNI plugins bridge, host-local, portmap, firewall; undefined',
    'ok network.iptables: iptables; undefined',
  ])
})
