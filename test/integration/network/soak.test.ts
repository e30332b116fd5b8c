/** The random run (`make soak`), for as long as there is time for it here: all that it has found once it would find again. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { test } from 'node:test'

const main = resolve(import.meta.dirname, '../../soak/main.ts')
const flags = { seed: 7, minutes: 1.2, callers: 3, 'round-seconds': 12, 'library-operations': 300 }

test('commands, kills and full disks leave nothing, and the library holds no more than before', async () => {
  const words = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', process.execPath, main, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  const [status] = await once(child, 'close')
  assert.equal(status, 0, output)
  assert.match(output, /^invariants: [1-9]\d* checked, 0 broken$/m)
})
