/** A registry in this process that answers as a test says. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import { sha256 } from './image-builder.ts'

export interface ScriptedRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  host: string
  url: string
  /** What was asked for, in order. */
  requests: { method: string; url: string; headers: IncomingMessage['headers']; body: Buffer }[]
}

export type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void

export interface ScriptOptions {
  /** Asked before a body is read: true when it has taken care of the request. */
  early?: (request: IncomingMessage, response: ServerResponse) => boolean
  /** Speak TLS. */
  tls?: ServerOptions
}

/** @param handle is given the number of earlier requests for the same URL as `count` */
export async function startScripted(handle: Handler, { early, tls }: ScriptOptions = {}): Promise<ScriptedRegistry> {
  const requests: ScriptedRegistry['requests'] = []
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url = '', headers } = request
    if (early?.(request, response)) return
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const count = requests.filter(earlier => earlier.url === url).length
      requests.push({ method, url, headers, body: Buffer.concat(chunks) })
      handle(request, response, count)
    })
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    host: `127.0.0.1:${port}`,
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

export interface ServedImage {
  /** Path below the registry → body. */
  documents: Map<string, { body: Buffer; type: string }>
  manifestDigest: string
  configDigest: string
  layerDigests: string[]
}

/** The documents of an image `app:v1` with these layers, as stored: uncompressed, unless the diff ids say otherwise. */
export function imageOf(
  layers: Buffer[],
  platform = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch },
  diffIds: readonly string[] = layers.map(sha256),
): ServedImage {
  const documents: ServedImage['documents'] = new Map()
  const put = (kind: 'blobs' | 'manifests', body: Buffer, type = 'application/octet-stream') => {
    documents.set(`/v2/app/${kind}/${sha256(body)}`, { body, type })
    return sha256(body)
  }
  const layerDigests = layers.map(layer => put('blobs', layer))
  const config = Buffer.from(JSON.stringify({ ...platform, rootfs: { type: 'layers', diff_ids: diffIds } }))
  const configDigest = put('blobs', config)
  const type = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: type,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: configDigest, size: config.length },
      layers: layers.map((layer, index) => ({
        mediaType: 'application/vnd.oci.image.layer.v1.tar',
        digest: layerDigests[index],
        size: layer.length,
      })),
    }),
  )
  const manifestDigest = put('manifests', manifest, type)
  documents.set('/v2/app/manifests/v1', { body: manifest, type })
  return { documents, manifestDigest, configDigest, layerDigests }
}

/** Answers for an image, as a well-behaved registry does, `Range` included. */
export function serve(image: ServedImage, request: IncomingMessage, response: ServerResponse): void {
  const document = image.documents.get(request.url ?? '')
  if (document === undefined) {
    response.writeHead(404, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ errors: [{ code: 'NOT_FOUND', message: 'no such thing' }] }))
    return
  }
  const { body, type } = document
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const range =
    request.headers.range === undefined ? {} : { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` }
  response.writeHead(start > 0 ? 206 : 200, { 'content-type': type, 'content-length': body.length - start, ...range })
  response.end(body.subarray(start))
}
