import { RLIMITS } from '../spec/rlimits.ts'
import type { Int64, Rlimit } from '../spec/runtime.ts'
import { invalidOption } from './invalid-option.ts'

/** RLIM_INFINITY */
const UNLIMITED = 2n ** 64n - 1n

/** `nofile=1024:2048` each: soft and hard limit, or one number for both; −1 or `unlimited` for none. */
export function parseUlimits(ulimits: readonly string[]): Rlimit[] {
  const byType = new Map(ulimits.map(parseUlimit).map(rlimit => [rlimit.type, rlimit]))
  return [...byType.values()]
}

function parseUlimit(text: string): Rlimit {
  const [, name, softText, hardText] = /^([a-z]+)=([^:]+)(?::([^:]+))?$/.exec(text) ?? []
  const type = `RLIMIT_${name?.toUpperCase()}`
  if (softText === undefined) throw invalidOption('--ulimit', `${JSON.stringify(text)} is not name=soft[:hard]`)
  if (!Object.hasOwn(RLIMITS, type)) throw invalidOption('--ulimit', `unknown limit ${JSON.stringify(name)}`)
  const soft = parseLimit(softText, text)
  const hard = parseLimit(hardText ?? softText, text)
  if (soft > hard) throw invalidOption('--ulimit', `the soft limit is above the hard limit in ${JSON.stringify(text)}`)
  return { type, soft, hard }
}

function parseLimit(text: string, whole: string): Int64 {
  if (text === '-1' || text === 'unlimited') return UNLIMITED
  const limit = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(limit)) {
    throw invalidOption('--ulimit', `${JSON.stringify(text)} is not a number in ${JSON.stringify(whole)}`)
  }
  return limit
}
