/** What went wrong with a registry, as an UtsuwaError that names host, request and status. */
import { UtsuwaError, type UtsuwaErrorCode } from '../errors.ts'
import { errnoOf } from '../util/errno.ts'
import { redact } from './endpoint.ts'
import { describeRateLimit, rateLimitOf } from './rate-limit.ts'
import type { Response } from './transport.ts'

/** What a request failed with, when the connection could not be made, broke, or stalled; other errors are as they were. */
export function connectionError(url: URL, cause: unknown): unknown {
  if (!(cause instanceof Error && 'code' in cause) || cause instanceof UtsuwaError) return cause
  // A host with several addresses fails with one error for each; they are alike, or the first is the preferred address.
  const first = cause instanceof AggregateError ? cause.errors[0] : cause
  const errno = errnoOf(first)
  const reason = first instanceof Error ? first.message : String(first)
  const unknownAuthority = UNKNOWN_AUTHORITY.has(cause.code as string)
  return new UtsuwaError('REGISTRY_UNREACHABLE', errno === undefined ? reason : undefined, {
    operation: `connect to registry ${hostAndPort(url)}`,
    path: redact(url),
    cause,
    errno,
    ...(unknownAuthority ? { hint: `put its authority into /etc/utsuwa/certs.d/${url.host}/ca.crt` } : {}),
  })
}

/** OpenSSL's codes for a certificate without a known issuer. */
const UNKNOWN_AUTHORITY: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

export function hostAndPort(url: URL): string {
  return `${url.hostname}:${url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port}`
}

/** A status that is no success. `body` is what came with it, by the distribution specification `{ errors: [...] }`. */
export function statusError(response: Response, body: string, notFound: UtsuwaErrorCode): UtsuwaError {
  const { method, url, status } = response
  const said = explanationIn(body)
  const code = codeOf(status, notFound)
  const limit = code === 'REGISTRY_RATE_LIMITED' ? describeRateLimit(rateLimitOf(response)) : ''
  const reason = `status ${status}${said === '' ? '' : ` (${said})`}${limit === '' ? '' : `; ${limit}`}`
  const hint = hintFor(code, response, body)
  return new UtsuwaError(code, reason, {
    operation: `${method} ${redact(url)}`,
    path: redact(url),
    hint,
  })
}

function codeOf(status: number, notFound: UtsuwaErrorCode): UtsuwaErrorCode {
  if (status === 404) return notFound
  if (status === 401 || status === 403) return 'REGISTRY_UNAUTHORIZED'
  return status === 429 ? 'REGISTRY_RATE_LIMITED' : 'REGISTRY_ERROR'
}

function hintFor(code: UtsuwaErrorCode, { url, method, status }: Response, body: string): string | undefined {
  const { protocol, hostname, host } = url
  const registry = hostname === 'registry-1.docker.io' ? 'docker.io' : host
  if (code === 'REGISTRY_UNAUTHORIZED') return `it may not exist, or it needs credentials: utsuwa login ${registry}`
  if (code === 'REGISTRY_RATE_LIMITED') return `those who log in may have a higher limit: utsuwa login ${registry}`
  // What Go's and nginx's servers answer; after HEAD there is no body.
  const saysSo = /HTTPS server|HTTPS port/.test(body) || method === 'HEAD'
  const wantsTls = protocol === 'http:' && status === 400 && saysSo
  return wantsTls ? 'it speaks TLS: put its authority into /etc/utsuwa/certs.d, or use --insecure' : undefined
}

const MAX_EXPLANATION = 200

function explanationIn(body: string): string {
  let text = body
  try {
    const { errors } = JSON.parse(body) as { errors?: { code?: unknown; message?: unknown }[] }
    text = (errors ?? []).map(({ code, message }) => [code, message].filter(Boolean).join(': ')).join('; ')
  } catch {
    // Not the JSON of the specification: a proxy's page, shown as it is.
  }
  // Servers are hostile: what they say reaches a terminal.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go
  const printable = text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim()
  return printable.length > MAX_EXPLANATION ? `${printable.slice(0, MAX_EXPLANATION)}…` : printable
}

export function aborted(signal: AbortSignal | undefined, operation: string): UtsuwaError {
  return new UtsuwaError('ABORTED', 'aborted', { operation, cause: signal?.reason })
}

/** An error about what a host has sent, with the name of the host. */
export function fromHost(error: UtsuwaError, { root }: { root: URL }): UtsuwaError {
  return new UtsuwaError(error.code, `${error.message}, from ${hostAndPort(root)}`, {
    cause: error,
    path: error.path,
  })
}

/** The error of the last host, with what the mirrors said before: one of them may be what needs repair. */
export function afterMirrors(error: unknown, complaints: readonly string[]): unknown {
  if (!(error instanceof UtsuwaError) || complaints.length === 0) return error
  const { code, message, path, hint } = error
  return new UtsuwaError(code, `${message}; before: ${complaints.join('; ')}`, {
    cause: error,
    path,
    hint,
  })
}
