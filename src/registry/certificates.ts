/** Certificates for a registry, in a directory as docker has them: `*.crt` authorities, `NAME.cert` with `NAME.key`. */
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import { isErrno } from '../util/errno.ts'

export interface TlsSettings {
  /** Certificates of authorities that count besides those Node.js knows, in PEM. */
  readonly authorities: readonly string[]
  /** What this machine shows of itself where a server asks, in PEM. */
  readonly client?: { readonly certificate: string; readonly key: string } | undefined
  /** Whether the server must prove who it is. */
  readonly verify: boolean
}

export const DEFAULT_TLS: TlsSettings = { authorities: [], verify: true }

/**
 * What a directory holds for a registry; a directory that is not there holds nothing.
 *
 * @throws UtsuwaError INVALID_ARGUMENT when a certificate lacks its key or the reverse, or a file cannot be read
 */
export async function readCertificates(directory: string): Promise<Pick<TlsSettings, 'authorities' | 'client'>> {
  const names = await readdir(directory).catch((cause: unknown) => {
    if (isErrno(cause, 'ENOENT') || isErrno(cause, 'ENOTDIR')) return []
    throw unreadable(directory, cause)
  })
  const ending = (suffix: string) => names.filter(name => name.endsWith(suffix)).sort()
  const authorities = await Promise.all(ending('.crt').map(name => readPem(join(directory, name))))
  for (const key of ending('.key')) requirePartner(directory, names, key, `${basename(key, '.key')}.cert`)
  const [certificate] = ending('.cert')
  if (certificate === undefined) return { authorities }
  const key = `${basename(certificate, '.cert')}.key`
  requirePartner(directory, names, certificate, key)
  return { authorities, client: await readClient(join(directory, certificate), join(directory, key)) }
}

export async function readClient(certificatePath: string, keyPath: string): Promise<TlsSettings['client'] & object> {
  const [certificate, key] = await Promise.all([readPem(certificatePath), readPem(keyPath)])
  return { certificate, key }
}

export async function readPem(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
}

function requirePartner(directory: string, names: readonly string[], name: string, partner: string): void {
  if (names.includes(partner)) return
  throw new UtsuwaError('INVALID_ARGUMENT', `there is ${name} without ${partner}`, {
    operation: `read certificates from ${directory}`,
    path: directory,
  })
}

function unreadable(path: string, cause: unknown): UtsuwaError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new UtsuwaError('INVALID_ARGUMENT', reason, { operation: 'read certificates', path, cause })
}
