import { invalidOption } from './invalid-option.ts'

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 }

/**
 * Sizes as docker takes them: `64m`, `1.5g`, `64MiB`, `64MB`, `1024b`, `1024`. All units are powers of 1024, whether or
 * not an `i` is written.
 *
 * @param value a number is bytes
 * @param option names the option in the error: `--memory`
 * @returns whole bytes
 * @throws UtsuwaError INVALID_ARGUMENT
 */
export function parseBytes(value: number | string, option: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?) ?(?:([kmgtp])?(?:i?b)?)$/i.exec(String(value)) ?? []
  const bytes = digits === undefined ? Number.NaN : Math.floor(Number(digits) * UNITS[(unit ?? '').toLowerCase()]!)
  if (!Number.isSafeInteger(bytes)) {
    throw invalidOption(
      option,
      `${JSON.stringify(value)} is not a size`,
      'write bytes, or a number with b, k, m or g: 64m',
    )
  }
  return bytes
}
