/** The keys that leave a container without ending it, as docker has them: `ctrl-p,ctrl-q`. */

export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q'

/** @returns the bytes that they send; undefined for what names no keys */
export function parseDetachKeys(text: string): Buffer | undefined {
  if (text === '') return Buffer.alloc(0)
  const bytes = text.split(',').map(keyByte)
  return bytes.includes(undefined) ? undefined : Buffer.from(bytes as number[])
}

function keyByte(key: string): number | undefined {
  const [, control] = /^ctrl-([a-z@[\\\]^_])$/i.exec(key) ?? []
  if (control !== undefined) return control.toUpperCase().charCodeAt(0) - 0x40
  return /^[\x20-\x7e]$/.test(key) ? key.charCodeAt(0) : undefined
}

/** Looks for the keys in what is typed. */
export class DetachKeys {
  readonly #keys: Buffer
  #matched = 0

  /** @param keys none: nothing is looked for */
  constructor(keys: Buffer) {
    this.#keys = keys
  }

  /**
   * @returns what is to be passed on, which may have been held back before, and whether the keys were typed; what
   *   follows them is dropped
   */
  feed(typed: Buffer): { readonly passed: Buffer; readonly detached: boolean } {
    if (this.#keys.length === 0) return { passed: typed, detached: false }
    const passed: number[] = []
    for (const byte of typed) {
      if (byte !== this.#keys[this.#matched]) {
        passed.push(...this.#keys.subarray(0, this.#matched))
        this.#matched = 0
      }
      if (byte === this.#keys[this.#matched]) this.#matched++
      else passed.push(byte)
      if (this.#matched === this.#keys.length) return { passed: Buffer.from(passed), detached: true }
    }
    return { passed: Buffer.from(passed), detached: false }
  }
}
