import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RegistryClient } from '../../../src/registry/client.ts'
import { addReferrer, listReferrers, listTags } from '../../../src/registry/lists.ts'
import { digestOf, MEDIA_TYPE } from '../../../src/spec/image.ts'
import { type Handler, startScripted } from '../../support/misbehaving-registry.ts'

async function listed<T>(handle: Handler, list: (client: RegistryClient, host: string) => Promise<T>) {
  await using registry = await startScripted(handle)
  await using client = await RegistryClient.open(registry.host, {
    credentials: async () => undefined,
    retry: { retries: 0 },
  })
  const result = await list(client, registry.host)
  return { result, urls: registry.requests.map(({ url }) => url) }
}

describe('listTags', () => {
  it('follows the pages, by their queries alone', async () => {
    const { result, urls } = await listed(
      (request, response) => {
        const last = new URL(request.url!, 'http://x').searchParams.get('last')
        if (last === null) {
          response.setHeader('link', '<http://169.254.169.254/v2/other/tags/list?last=b&n=2>; rel="next"')
          response.end('{"name":"app","tags":["a","b"]}')
        } else response.end('{"name":"app","tags":["c"]}')
      },
      client => listTags(client, 'app'),
    )
    assert.deepEqual(result, ['a', 'b', 'c'])
    assert.deepEqual(urls, ['/v2/app/tags/list?n=1000', '/v2/app/tags/list?last=b&n=2'])
  })

  it('takes null for none, and no nonsense', async () => {
    assert.deepEqual(
      (
        await listed(
          (_, response) => response.end('{"tags":null}'),
          c => listTags(c, 'app'),
        )
      ).result,
      [],
    )
    for (const body of ['{"tags":[1]}', '<html>', '{"tags":{}}']) {
      const list = listed(
        (_, response) => response.end(body),
        client => listTags(client, 'app'),
      )
      await assert.rejects(list, {
        code: 'REGISTRY_ERROR',
        message: 'list app/tags/list: its answer is no list of tags',
      })
    }
    const missing = listed(
      (_, response) => response.writeHead(404).end(),
      client => listTags(client, 'app'),
    )
    await assert.rejects(missing, { code: 'IMAGE_NOT_FOUND' })
  })

  it('does not go round in circles for ever', async () => {
    const endless: Handler = (_, response) => {
      response.setHeader('link', '</v2/app/tags/list?last=a>; rel=next')
      response.end('{"tags":["a"]}')
    }
    await assert.rejects(
      listed(endless, client => listTags(client, 'app')),
      { code: 'LIMIT_EXCEEDED' },
    )
  })
})

describe('listReferrers', () => {
  const subject = digestOf(Buffer.from('subject'))
  const entry = (name: string, artifactType: string) => {
    const bytes = Buffer.from(name)
    return { mediaType: MEDIA_TYPE.ociManifest, digest: digestOf(bytes), size: bytes.length, artifactType }
  }
  const signature = entry('signature', 'application/x.signature')
  const bill = entry('bill', 'application/x.bill')
  const index = (...manifests: object[]) =>
    JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests })
  const list = (artifactType?: string) => (client: RegistryClient, host: string) =>
    listReferrers(client, { registry: host, repository: 'app' }, subject, artifactType)

  it('asks the API, page after page, and filters where the registry does not', async () => {
    const handle: Handler = (request, response) => {
      response.setHeader('content-type', MEDIA_TYPE.ociIndex)
      if (request.url!.includes('last=')) return response.end(index(bill))
      response.setHeader('link', `</v2/app/referrers/${subject}?last=x>; rel="next"`)
      response.end(index(signature))
    }
    const all = await listed(handle, list())
    assert.deepEqual(all.result, [signature, bill])
    assert.deepEqual(all.urls, [`/v2/app/referrers/${subject}`, `/v2/app/referrers/${subject}?last=x`])
    const filtered = await listed(handle, list('application/x.bill'))
    assert.deepEqual(filtered.result, [bill])
    assert.equal(filtered.urls[0], `/v2/app/referrers/${subject}?artifactType=application%2Fx.bill`)
  })

  it('reads the tag that stands in for the API', async () => {
    const tag = `/v2/app/manifests/${subject.replace(':', '-')}`
    const handle: Handler = (request, response) => {
      if (request.url !== tag) return response.writeHead(404).end()
      response.writeHead(200, { 'content-type': MEDIA_TYPE.ociIndex }).end(index(signature, bill))
    }
    assert.deepEqual((await listed(handle, list())).result, [signature, bill])
    assert.deepEqual((await listed(handle, list('application/x.bill'))).result, [bill])
  })

  it('are added to the tag by whoever pushes, each once', async () => {
    let stored = index(signature)
    const handle: Handler = (request, response) => {
      if (request.method === 'PUT') {
        stored = requests.at(-1)!.body.toString()
        response.writeHead(201).end()
      } else response.writeHead(200, { 'content-type': MEDIA_TYPE.ociIndex }).end(stored)
    }
    await using registry = await startScripted(handle)
    const { requests, host } = registry
    await using client = await RegistryClient.open(host, { credentials: async () => undefined })
    const place = { registry: host, repository: 'app' }
    await addReferrer(client, place, subject, signature)
    assert.equal(requests.length, 1)
    await addReferrer(client, place, subject, bill)
    assert.equal(requests.at(-1)!.url, `/v2/app/manifests/${subject.replace(':', '-')}`)
    assert.equal(requests.at(-1)!.headers['content-type'], MEDIA_TYPE.ociIndex)
    assert.deepEqual(JSON.parse(stored).manifests, [signature, bill])
  })

  it('finds none where there is neither, and says what is wrong', async () => {
    assert.deepEqual((await listed((_, response) => response.writeHead(404).end(), list())).result, [])
    await assert.rejects(
      listed((_, response) => response.writeHead(500).end(), list()),
      { code: 'REGISTRY_ERROR' },
    )
    await assert.rejects(
      listed((_, response) => response.end('{"manifests":[{}]}'), list()),
      { code: 'INVALID_SPEC' },
    )
  })
})
