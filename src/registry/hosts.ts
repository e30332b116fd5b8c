/**
 * The hosts that serve a registry's images, in the order in which they are asked: its mirrors, then the registry itself.
 *
 * They are configured in a directory per registry, in the form that containerd and docker share: `hosts.toml`, or only
 * certificates. The first of these directories that exists counts:
 *
 *     /etc/utsuwa/certs.d/HOST[:PORT], /etc/containerd/certs.d/…, /etc/docker/certs.d/…, then each one's `_default`
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import { isErrno } from '../util/errno.ts'
import { isTomlTable, parseToml, type TomlTable, type TomlValue } from '../util/toml.ts'
import { DEFAULT_TLS, readCertificates, readClient, readPem, type TlsSettings } from './certificates.ts'
import { apiRoot, isLoopback } from './endpoint.ts'

/** `pull`: blobs, and manifests by digest; `resolve`: manifests by tag, and lists; `push`: whatever changes something. */
export type HostCapability = 'pull' | 'resolve' | 'push'

export interface RegistryHost {
  /** Ends with a slash; names of repositories follow. */
  readonly root: URL
  /** Plain text, where nothing answers TLS at `root`. */
  readonly plainRoot?: URL | undefined
  /** The name under which credentials for it are kept. */
  readonly name: string
  readonly can: ReadonlySet<HostCapability>
  readonly tls: TlsSettings
  readonly headers: Readonly<Record<string, string>>
  /** The registry that a mirror stands for, which it is told as `?ns=`. */
  readonly mirrorOf?: string
}

export interface HostOptions {
  /** Verify no certificate, and speak plain HTTP where the registry does not answer TLS. Default false. */
  insecure?: boolean | undefined
  /** The one directory that holds a directory for each registry. Default: see above. */
  hostsDir?: string | undefined
}

const HOSTS_DIRECTORIES = ['/etc/utsuwa/certs.d', '/etc/containerd/certs.d', '/etc/docker/certs.d']
const ALL: readonly HostCapability[] = ['pull', 'resolve', 'push']
const HOST_MEMBERS = new Set(['capabilities', 'ca', 'client', 'skip_verify', 'override_path', 'header'])

/**
 * @param registry host and optional port as in a reference
 * @throws UtsuwaError INVALID_SPEC when hosts.toml is wrong, INVALID_ARGUMENT when certificates are
 */
export async function hostsOf(registry: string, options: HostOptions = {}): Promise<RegistryHost[]> {
  const directory = directoryOf(registry, options.hostsDir)
  if (directory === undefined) return [serverOf(registry, {}, options)]
  const path = join(directory, 'hosts.toml')
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  })
  if (text === undefined) return [serverOf(registry, await readCertificates(directory), options)]
  try {
    return await hostsIn(parseToml(text), registry, directory, options)
  } catch (cause) {
    if (!(cause instanceof UtsuwaError)) throw cause
    throw new UtsuwaError(cause.code, cause.message, { operation: `read ${path}`, path, cause })
  }
}

function directoryOf(registry: string, only: string | undefined): string | undefined {
  const parents = only === undefined ? HOSTS_DIRECTORIES : [only]
  // containerd also writes the colon, which some file systems cannot have in a name, as `_5000_`.
  const names = [registry, registry.replace(/:(\d+)$/, '_$1_'), '_default']
  return names.flatMap(name => parents.map(parent => join(parent, name))).find(existsSync)
}

/** The registry itself, as its name says where it is. */
function serverOf(registry: string, tls: Partial<TlsSettings>, { insecure = false }: HostOptions): RegistryHost {
  const secure = apiRoot(registry, 'https')
  const configured = tls.client !== undefined || (tls.authorities?.length ?? 0) > 0
  // On loopback TLS protects nothing, so it is spoken only where it is configured.
  const plain = isLoopback(secure.hostname) && !configured && !insecure
  return {
    root: plain ? apiRoot(registry, 'http') : secure,
    ...(insecure ? { plainRoot: apiRoot(registry, 'http') } : {}),
    name: registry,
    can: new Set(ALL),
    tls: { ...DEFAULT_TLS, ...tls, verify: !insecure },
    headers: {},
  }
}

async function hostsIn(
  file: TomlTable,
  registry: string,
  directory: string,
  options: HostOptions,
): Promise<RegistryHost[]> {
  const { server, host: mirrors = {}, ...settings } = file
  if (!isTomlTable(mirrors)) throw invalid('host is no table')
  const hosts: RegistryHost[] = []
  for (const [url, table] of Object.entries(mirrors)) {
    if (!isTomlTable(table)) throw invalid(`host.${JSON.stringify(url)} is no table`)
    hosts.push({ ...(await hostAt(url, table, directory, options)), mirrorOf: registry })
  }
  // What stands at the top is about the registry itself.
  if (server === undefined) {
    const { root, plainRoot } = serverOf(registry, {}, options)
    const itself = await hostAt(root.origin, settings, directory, options)
    return [...hosts, { ...itself, name: registry, plainRoot }]
  }
  if (typeof server !== 'string') throw invalid('server is no string')
  const { root, ...itself } = await hostAt(server, settings, directory, options)
  const isRegistry = root.host === apiRoot(registry, 'https').host
  return [...hosts, { ...itself, root, ...(isRegistry ? { name: registry } : { mirrorOf: registry }) }]
}

async function hostAt(
  text: string,
  settings: TomlTable,
  directory: string,
  { insecure = false }: HostOptions,
): Promise<RegistryHost> {
  for (const member of Object.keys(settings)) {
    if (!HOST_MEMBERS.has(member)) throw invalid(`${member} is not supported`)
  }
  const bare = URL.parse(text.includes('://') ? text : `https://${text}`)
  if (bare === null || !/^https?:$/.test(bare.protocol))
    throw invalid(`${JSON.stringify(text)} is not the URL of a host`)
  const path = bare.pathname.replace(/\/+$/, '')
  const root = new URL(`${settings.override_path === true || path.endsWith('/v2') ? path : `${path}/v2`}/`, bare)
  const { capabilities = [...ALL], skip_verify: skip = false, header = {} } = settings
  if (!isTomlTable(header)) throw invalid('header is no table')
  const can = strings(capabilities, 'capabilities') as HostCapability[]
  const unknown = can.find(capability => !ALL.includes(capability))
  if (unknown !== undefined) throw invalid(`no such capability: ${unknown}`)
  const client = await clientIn(settings.client, directory)
  return {
    root,
    name: root.host,
    can: new Set(can),
    tls: {
      authorities: await Promise.all(strings(settings.ca ?? [], 'ca').map(file => readPem(resolve(directory, file)))),
      client,
      verify: !insecure && skip !== true,
    },
    headers: Object.fromEntries(
      Object.entries(header).map(([name, value]) => [name.toLowerCase(), strings(value, `header.${name}`).join(', ')]),
    ),
  }
}

/** One certificate and its key: `[["CERTIFICATE", "KEY"]]`, or a file that holds both. */
async function clientIn(value: TomlValue | undefined, directory: string): Promise<TlsSettings['client']> {
  if (value === undefined) return undefined
  const first = Array.isArray(value) ? value[0] : value
  const files = strings(first ?? [], 'client')
  const [certificate, key = certificate] = files
  if (certificate === undefined || key === undefined || files.length > 2) throw invalid('client has no certificate')
  return readClient(resolve(directory, certificate), resolve(directory, key))
}

function strings(value: TomlValue, what: string): string[] {
  const list = Array.isArray(value) ? value : [value]
  if (list.every(item => typeof item === 'string')) return list
  throw invalid(`${what} must be strings`)
}

function invalid(reason: string): UtsuwaError {
  return new UtsuwaError('INVALID_SPEC', reason)
}
