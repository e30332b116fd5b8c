import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Script } from 'node:vm'

const dist = join(import.meta.dirname, '../../../../dist')

test('the Node that built dist/ takes the code cache that it made', () => {
  const name = readdirSync(dist).find(file => /^utsuwa-oci-.+\.cjs$/.test(file))
  assert.ok(name !== undefined, 'there is no bundle: make build')
  const source = readFileSync(join(dist, name), 'latin1')
  const script = new Script(source, { cachedData: readFileSync(join(dist, `${name}.cache`)) })
  assert.equal(script.cachedDataRejected, false)
})
