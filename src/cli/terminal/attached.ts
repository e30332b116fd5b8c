/** A detached container in the foreground of this command, until it ends or is left. */
import { type Attachment, isUtsuwaError, killContainer, type Roots } from '../../index.ts'
import { DetachKeys } from '../flags/detach-keys.ts'
import { writeAllAsync } from '../print/write.ts'
import { forwardSignals } from './signals.ts'

export interface AttachedOptions {
  /** Pass standard input on. */
  readonly input: boolean
  /** Pass signals on. */
  readonly signals: boolean
  /** The bytes of the keys that leave it, looked for where both sides have a terminal. */
  readonly detachKeys: Buffer
}

/** ^D, which a terminal takes for the end of input. */
const END_OF_TRANSMISSION = Buffer.of(4)

/** @returns the container's exit status, or 0 when it was left */
export async function relay(attachment: Attachment, roots: Roots, options: AttachedOptions): Promise<number> {
  using _attachment = attachment
  using _signals = options.signals ? forwardSignals(signal => pass(attachment, signal, roots)) : undefined
  using _size = attachment.terminal ? followSize(attachment) : undefined
  using input = options.input ? new Input(attachment, options.detachKeys) : undefined
  const end = print(attachment)
  const left = input?.left ?? new Promise<undefined>(() => undefined)
  return (await Promise.race([end, left])) ?? 0
}

/** Resolves with the exit status, or with undefined when nobody reads the output any more. */
async function print(attachment: Attachment): Promise<number | undefined> {
  const output = attachment.output()
  for (;;) {
    const { done, value } = await output.next()
    if (done) return value
    if (!(await writeAllAsync(value.stream === 'stdout' ? 1 : 2, value.data))) return undefined
  }
}

function pass({ id }: Attachment, signal: NodeJS.Signals, roots: Roots): void {
  try {
    killContainer(id, signal, roots)
  } catch (error) {
    // It ended a moment before.
    if (!isUtsuwaError(error, 'CONTAINER_NOT_RUNNING') && !isUtsuwaError(error, 'CONTAINER_NOT_FOUND')) throw error
  }
}

function followSize(attachment: Attachment): Disposable {
  const copy = (): void => {
    const terminal = [process.stdout, process.stderr].find(stream => stream.isTTY)
    if (terminal !== undefined) void attachment.resize(terminal.columns, terminal.rows)
  }
  copy()
  process.on('SIGWINCH', copy)
  return { [Symbol.dispose]: () => process.off('SIGWINCH', copy) }
}

class Input implements Disposable {
  /** Resolves when the keys were typed. */
  readonly left: Promise<undefined>
  readonly #attachment: Attachment
  readonly #keys: DetachKeys
  readonly #isRaw: boolean
  readonly #leave: (value: undefined) => void
  readonly #take = (chunk: Buffer): void => void this.#passOn(chunk)
  readonly #end = (): void => void this.#passEnd()

  constructor(attachment: Attachment, detachKeys: Buffer) {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.left = promise
    this.#leave = resolve
    this.#attachment = attachment
    this.#isRaw = attachment.terminal && process.stdin.isTTY
    this.#keys = new DetachKeys(this.#isRaw ? detachKeys : Buffer.alloc(0))
    if (this.#isRaw) process.stdin.setRawMode(true)
    process.stdin.on('data', this.#take)
    process.stdin.on('end', this.#end)
  }

  async #passOn(chunk: Buffer): Promise<void> {
    process.stdin.pause()
    const { passed, detached } = this.#keys.feed(chunk)
    if (passed.length > 0) await this.#attachment.write(passed)
    if (detached) this.#leave(undefined)
    else process.stdin.resume()
  }

  async #passEnd(): Promise<void> {
    if (this.#attachment.terminal) await this.#attachment.write(END_OF_TRANSMISSION)
    else await this.#attachment.endInput()
  }

  [Symbol.dispose](): void {
    process.stdin.off('data', this.#take)
    process.stdin.off('end', this.#end)
    if (this.#isRaw) process.stdin.setRawMode(false)
    process.stdin.destroy()
  }
}
