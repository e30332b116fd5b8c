/** How many pulls a registry still allows; Docker Hub tells it in the headers of a manifest. */
import type { Response } from './transport.ts'

/** How many pulls a registry allows. */
export interface RateLimit {
  /** Pulls in `window` seconds. */
  readonly limit: number
  readonly remaining: number
  /** Seconds, where the registry tells. */
  readonly window?: number
}

/** `ratelimit-limit: 100;w=21600` and `ratelimit-remaining: 76;w=21600` */
export function rateLimitOf({ header }: Pick<Response, 'header'>): RateLimit | undefined {
  const read = (name: string) => /^(\d+)(?:;w=(\d+))?/.exec(header(name) ?? '')
  const limit = read('ratelimit-limit')
  const remaining = read('ratelimit-remaining')
  if (limit === null || remaining === null) return undefined
  const window = limit[2] ?? remaining[2]
  return {
    limit: Number(limit[1]),
    remaining: Number(remaining[1]),
    ...(window === undefined ? {} : { window: Number(window) }),
  }
}

/** `76 of 100 pulls in 6 hours are left`; empty where nothing is known. */
export function describeRateLimit(limit: RateLimit | undefined): string {
  if (limit === undefined) return ''
  const hours = limit.window === undefined ? '' : ` in ${Number((limit.window / 3600).toFixed(1))} hours`
  return `${limit.remaining} of ${limit.limit} pulls${hours} are left`
}
