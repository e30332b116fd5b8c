/** Small OCI images for tests: written as an image layout, pushed to a registry by skopeo. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { type TarEntry, writeTar } from './tar-writer.ts'

const run = promisify(execFile)

export type Compression = 'gzip' | 'zstd' | 'none'

/** The `config` member of an image config: what a container started from the image runs, and how. */
export interface TestImageConfig {
  Cmd?: string[]
  Entrypoint?: string[]
  Env?: string[]
  User?: string
  WorkingDir?: string
  Labels?: Record<string, string>
  StopSignal?: string
  ExposedPorts?: Record<string, object>
  Volumes?: Record<string, object>
}

export interface BuildOptions {
  /** Directory to write the layout into; made where it is missing. */
  dir: string
  config?: TestImageConfig
  /** Compression of every layer. Default gzip. */
  compression?: Compression
  /** Default linux/amd64, or what this machine is. */
  platform?: { os: string; architecture: string; variant?: string }
  /** Value of `org.opencontainers.image.ref.name` in index.json. Default `latest`. */
  tag?: string
}

export interface BuiltImage {
  dir: string
  tag: string
  manifestDigest: string
  configDigest: string
  layers: { digest: string; diffId: string; size: number; mediaType: string }[]
}

/** An image of the host's static busybox and its applets, with `layers` on top. */
export async function buildBusyboxImage({
  layers = [],
  ...options
}: BuildOptions & { layers?: TarEntry[][] }): Promise<BuiltImage> {
  const config = { Cmd: ['/bin/sh'], Env: ['PATH=/bin'], ...options.config }
  return buildImage({
    ...options,
    config,
    layers: [await busyboxEntries(), ...layers].map(entries => writeTar(entries)),
  })
}

/** A root filesystem with busybox at /bin/busybox, a symbolic link per applet, and the usual directories. */
export async function busyboxEntries(): Promise<TarEntry[]> {
  const busybox = await readFile('/bin/busybox').catch(cause => {
    throw new Error('tests need /bin/busybox (Debian package busybox-static)', { cause })
  })
  const { stdout } = await run('/bin/busybox', ['--list'])
  const applets = stdout.split('\n').filter(name => name !== '' && name !== 'busybox')
  return [
    ...['bin/', 'dev/', 'etc/', 'proc/', 'root/', 'sys/', 'var/'].map(path => ({ path })),
    { path: 'tmp/', mode: 0o1777 },
    { path: 'bin/busybox', mode: 0o755, data: busybox },
    ...applets.map(name => ({ path: `bin/${name}`, type: '2', mode: 0o777, linkpath: 'busybox' })),
    { path: 'etc/passwd', data: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' },
    { path: 'etc/group', data: 'root:x:0:\nnogroup:x:65534:\n' },
  ]
}

/** An image of these layers, each an uncompressed tar archive. */
export async function buildImage({
  dir,
  layers,
  config = {},
  compression = 'gzip',
  platform = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch },
  tag = 'latest',
}: BuildOptions & { layers: Buffer[] }): Promise<BuiltImage> {
  await mkdir(join(dir, 'blobs/sha256'), { recursive: true })
  const descriptors: BuiltImage['layers'] = []
  for (const layer of layers) {
    const blob = compress(layer, compression)
    const { digest, size } = await writeBlob(dir, blob)
    descriptors.push({ digest, size, diffId: sha256(layer), mediaType: LAYER_MEDIA_TYPE[compression] })
  }
  const imageConfig = {
    ...platform,
    created: '2024-01-01T00:00:00Z',
    config,
    rootfs: { type: 'layers', diff_ids: descriptors.map(layer => layer.diffId) },
    history: descriptors.map(() => ({ created: '2024-01-01T00:00:00Z', created_by: 'test' })),
  }
  const configBlob = await writeBlob(dir, Buffer.from(JSON.stringify(imageConfig)))
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...configBlob },
    layers: descriptors.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
  }
  const manifestBlob = await writeBlob(dir, Buffer.from(JSON.stringify(manifest)))
  const index = {
    schemaVersion: 2,
    manifests: [
      { mediaType: manifest.mediaType, ...manifestBlob, annotations: { 'org.opencontainers.image.ref.name': tag } },
    ],
  }
  await writeFile(join(dir, 'index.json'), JSON.stringify(index))
  await writeFile(join(dir, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  return { dir, tag, manifestDigest: manifestBlob.digest, configDigest: configBlob.digest, layers: descriptors }
}

const LAYER_MEDIA_TYPE: Record<Compression, string> = {
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  none: 'application/vnd.oci.image.layer.v1.tar',
}

export function compress(layer: Buffer, compression: Compression): Buffer {
  if (compression === 'gzip') return gzipSync(layer, { level: 1 })
  return compression === 'zstd' ? zstdCompressSync(layer) : layer
}

export function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

async function writeBlob(dir: string, bytes: Buffer): Promise<{ digest: string; size: number }> {
  const digest = sha256(bytes)
  await writeFile(join(dir, 'blobs', digest.replace(':', '/')), bytes)
  return { digest, size: bytes.length }
}

/** Copies the image of a layout to a registry on loopback, as `127.0.0.1:PORT/name:tag`. */
export async function pushImage(layoutDir: string, reference: string, { tag = 'latest' } = {}): Promise<void> {
  const options = ['--quiet', '--insecure-policy', '--dest-tls-verify=false']
  await skopeo('copy', ...options, `oci:${layoutDir}:${tag}`, `docker://${reference}`)
}

/**
 * Runs skopeo with a cache of its own. Root's default is one database for the whole machine, which tests would share
 * with each other, and a VM would see while the host writes to it. Only users other than root can choose its place.
 */
export async function skopeo(...args: string[]): Promise<string> {
  const cache = await mkdtemp(join(tmpdir(), 'utsuwa-skopeo-'))
  try {
    const env = { ...process.env, _CONTAINERS_ROOTLESS_UID: '65534', XDG_DATA_HOME: cache }
    return (await run('skopeo', args, { env })).stdout
  } finally {
    await rm(cache, { recursive: true, force: true })
  }
}
