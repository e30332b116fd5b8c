/** When to ask a registry again, and how long to wait before. */
import { setTimeout as sleep } from 'node:timers/promises'

/** How often a request is made again that failed for a while, and how long to wait. */
export interface RetryPolicy {
  /** Attempts after the first one. Default 4. */
  retries: number
  /** Milliseconds before the second attempt; doubled for each further one. Default 250. */
  baseDelay: number
  /** Upper bound of every wait in milliseconds, also of one that `Retry-After` asks for. Default 30,000. */
  maxDelay: number
}

export const DEFAULT_RETRY: RetryPolicy = { retries: 4, baseDelay: 250, maxDelay: 30_000 }

const TRANSIENT_STATUS = new Set([408, 425, 429, 500, 502, 503, 504])

export function isTransientStatus(status: number): boolean {
  return TRANSIENT_STATUS.has(status)
}

/**
 * Errors after which the same request may succeed: the connection broke or stalled. A refused connection and an unknown
 * host are answers, and people wait for them.
 */
const TRANSIENT_CODES = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'ENETDOWN',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
])

export function isTransientError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && TRANSIENT_CODES.has(String(error.code))
}

/**
 * Milliseconds to wait before attempt `attempt + 1`: what the server asked for, else exponential with jitter, so that
 * many clients that failed together do not come back together.
 */
export function retryDelay(policy: RetryPolicy, attempt: number, retryAfter?: string): number {
  const asked = parseRetryAfter(retryAfter)
  const delay = asked ?? policy.baseDelay * 2 ** attempt * (0.75 + Math.random() / 2)
  return Math.min(delay, policy.maxDelay)
}

/** RFC 9110 §10.2.3: a number of seconds or a date. */
function parseRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now())
}

export async function wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(milliseconds, undefined, signal === undefined ? {} : { signal })
}
