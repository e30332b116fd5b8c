/** What went wrong with a registry, as an UtsuwaError that names host, request and status. */
import { UtsuwaError, type UtsuwaErrorCode } from '../errors.ts'
import { errnoOf } from '../util/errno.ts'
import { redact } from './endpoint.ts'

/** What a request failed with, when the connection could not be made, broke, or stalled; other errors are as they were. */
export function connectionError(url: URL, cause: unknown): unknown {
  if (!(cause instanceof Error && 'code' in cause) || cause instanceof UtsuwaError) return cause
  // A host with several addresses fails with one error for each; they are alike, or the first is the preferred address.
  const first = cause instanceof AggregateError ? cause.errors[0] : cause
  const errno = errnoOf(first)
  const reason = first instanceof Error ? first.message : String(first)
  return new UtsuwaError('REGISTRY_UNREACHABLE', errno === undefined ? reason : undefined, {
    operation: `connect to registry ${hostAndPort(url)}`,
    path: redact(url),
    cause,
    ...(errno === undefined ? {} : { errno }),
  })
}

export function hostAndPort(url: URL): string {
  return `${url.hostname}:${url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port}`
}

/** A status that is no success. `body` is what came with it, by the distribution specification `{ errors: [...] }`. */
export function statusError(url: URL, status: number, body: string, notFound: UtsuwaErrorCode): UtsuwaError {
  const said = explanationIn(body)
  const code: UtsuwaErrorCode =
    status === 404
      ? notFound
      : status === 401 || status === 403
        ? 'REGISTRY_UNAUTHORIZED'
        : status === 429
          ? 'REGISTRY_RATE_LIMITED'
          : 'REGISTRY_ERROR'
  return new UtsuwaError(code, `status ${status}${said === '' ? '' : ` (${said})`}`, {
    operation: `GET ${redact(url)}`,
    path: redact(url),
    ...(code === 'REGISTRY_UNAUTHORIZED'
      ? { hint: 'the image may not exist, or needs credentials in ~/.docker/config.json' }
      : {}),
  })
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
