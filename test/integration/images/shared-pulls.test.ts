/** Several processes that pull the same at the same time fetch and unpack it once. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openWorkplace } from '../../support/command-line.ts'
import { imageOf, serve, startScripted } from '../../support/misbehaving-registry.ts'
import { writeTar } from '../../support/tar-writer.ts'

const PULLERS = 3

test('each layer is fetched once, whoever wants it, and everybody ends with the whole image', async () => {
  const image = imageOf(['a', 'b', 'c', 'd'].map(name => writeTar([{ path: name, data: Buffer.alloc(500_000, name) }])))
  const layers = new Set(image.layerDigests.map(digest => `/v2/app/blobs/${digest}`))
  // No layer is sent before all have begun.
  const held: (() => void)[] = []
  let begun = 0
  await using registry = await startScripted((request, response) => {
    const answer = (): void => serve(image, request, response)
    if (request.url === '/v2/app/manifests/v1') begun++
    if (begun >= PULLERS) for (const release of held.splice(0)) release()
    if (layers.has(request.url ?? '') && begun < PULLERS) held.push(answer)
    else answer()
  })
  using workplace = openWorkplace()
  const reference = `${registry.host}/app:v1`
  const outcomes = await Promise.all(
    Array.from({ length: PULLERS }, () => workplace.utsuwa('pull', '--progress', 'json', reference)),
  )
  for (const { exitCode, stderr } of outcomes) assert.equal(exitCode, 0, stderr)
  assert.equal(new Set(outcomes.map(({ stdout }) => stdout)).size, 1)
  const fetched = registry.requests.filter(({ method, url }) => method === 'GET' && layers.has(url))
  assert.deepEqual(fetched.map(({ url }) => url).sort(), [...layers].sort())
  const unpacked = outcomes.flatMap(({ stderr }) =>
    stderr
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { kind: string }),
  )
  assert.ok(unpacked.filter(({ kind }) => kind === 'present').length >= layers.size, 'others were told that it is here')
  const store = join(workplace.directory, 'store')
  assert.deepEqual([readdirSync(join(store, 'tmp')), readdirSync(join(store, 'layers')).length], [[], layers.size])
})
