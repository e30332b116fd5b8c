/** `attach`: the standard streams of a detached container, by way of its monitor. */
import { Socket } from 'node:net'
import { join } from 'node:path'
import { isUtsuwaError, UtsuwaError } from '../../errors.ts'
import { frames } from '../../launch/monitor-request.ts'
import { readExit } from '../../runtime/state/monitored.ts'
import { containersDirectory, readByName } from '../../runtime/state/names.ts'
import { attachSocketName } from '../../runtime/state/places.ts'
import { type ContainerRecord, containerDirectory } from '../../runtime/state/record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { containerStatus, isAlive } from '../../runtime/state/status.ts'
import { sys } from '../../sys/index.ts'
import { errnos } from '../../util/errno.ts'

/** Options of `attach`. */
export interface AttachOptions extends Pick<Roots, 'runRoot'> {
  /** Whether this process may write to the container's standard input. Default: false. */
  readonly input?: boolean
}

/** Something that a container has printed. */
export interface AttachedOutput {
  /** Of a container with a terminal it is `stdout` alone. */
  readonly stream: 'stdout' | 'stderr'
  readonly data: Buffer
}

type Frame = (typeof frames.choices)[number]

const HEADER_SIZE = 4
const MAX_PAYLOAD = 32 * 1024
const WANTS_OUTPUT = 1
const WANTS_INPUT = 2

/**
 * Connects to a container's standard streams. What it printed before is in its log alone.
 *
 * @param nameOrId a name, an id, or the beginning of one
 * @returns when nothing that it prints from now on is missed
 * @throws UtsuwaError CONTAINER_NOT_FOUND; CONTAINER_STATE when it has ended, or its monitor was killed; UNSUPPORTED for
 *   one that is run in the foreground
 */
export async function attach(nameOrId: string, options: AttachOptions = {}): Promise<Attachment> {
  const { runRoot = DEFAULT_RUN_ROOT, input = false } = options
  const stateRoot = containersDirectory(runRoot)
  const record = readByName(runRoot, nameOrId)
  const attachment = new Attachment(stateRoot, record, connect(stateRoot, record, nameOrId))
  try {
    await attachment.request('attach', Buffer.of(WANTS_OUTPUT | (input ? WANTS_INPUT : 0)))
    return attachment
  } catch (error) {
    attachment[Symbol.dispose]()
    throw error
  }
}

/**
 * Has the monitor of a container open its log anew, after the file was moved away.
 * @throws UtsuwaError as `attach`
 */
export async function reopenLog(
  nameOrId: string,
  { runRoot = DEFAULT_RUN_ROOT }: Pick<Roots, 'runRoot'> = {},
): Promise<void> {
  const stateRoot = containersDirectory(runRoot)
  const record = readByName(runRoot, nameOrId)
  using attachment = new Attachment(stateRoot, record, connect(stateRoot, record, nameOrId))
  await attachment.request('reopen')
}

function connect(stateRoot: string, record: ContainerRecord, name: string): number {
  const operation = `attach to container ${name}`
  if (record.monitor === undefined && record.phase === 'created')
    throw new UtsuwaError('UNSUPPORTED', 'it was not started to run in the background', { operation })
  const status = containerStatus(stateRoot, record)
  if (status === 'stopped' || status === 'creating')
    throw new UtsuwaError('CONTAINER_STATE', `it is ${status}`, { operation, hint: `utsuwa start --attach ${name}` })
  try {
    return sys.connect('stream', join(containerDirectory(stateRoot, record.id), attachSocketName))
  } catch (error) {
    if (!isUtsuwaError(error) || (error.errno !== errnos.ECONNREFUSED && error.errno !== errnos.ENOENT)) throw error
    throw new UtsuwaError('CONTAINER_STATE', 'its monitor is gone', { operation, cause: error })
  }
}

/** A connection to a container's standard streams. */
export class Attachment implements Disposable {
  /** Whether the container has a terminal: then its output is not parted, and its size matters. */
  readonly terminal: boolean
  readonly id: string
  readonly #stateRoot: string
  readonly #record: ContainerRecord
  readonly #socket: Socket
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  /** Use `attach`. */
  constructor(stateRoot: string, record: ContainerRecord, fd: number) {
    this.id = record.id
    this.terminal = record.managed?.detached?.terminal ?? false
    this.#stateRoot = stateRoot
    this.#record = record
    this.#socket = new Socket({ fd, readable: true, writable: true })
    this.#socket.on('error', () => undefined) // its end is what counts, and reading tells
    this.#chunks = this.#socket[Symbol.asyncIterator]()
  }

  /**
   * What the container prints, up to its end.
   * @returns its exit status, or 128 + the signal that ended it
   * @throws UtsuwaError LIMIT_EXCEEDED when this process has taken nothing for five seconds, and was dropped;
   *   CONTAINER_STATE when nobody knows how it ended, its monitor having been killed
   */
  async *output(): AsyncGenerator<AttachedOutput, number, undefined> {
    for (;;) {
      const frame = await this.#frame()
      if (frame === undefined) return this.#exitCode()
      if (frame.kind === 'output') yield { stream: 'stdout', data: frame.data }
      else if (frame.kind === 'errors') yield { stream: 'stderr', data: frame.data }
      else if (frame.kind === 'exit') return frame.data.readInt32LE(0)
    }
  }

  /** For the container's standard input. Resolves when there is room for more. */
  async write(data: Uint8Array): Promise<void> {
    // All at once, so that nothing that is sent meanwhile comes between them, the end of the input least of all.
    const pieces: Promise<void>[] = []
    for (let at = 0; at < data.length; at += MAX_PAYLOAD)
      pieces.push(this.#send('input', data.subarray(at, at + MAX_PAYLOAD)))
    await Promise.all(pieces)
  }

  /** There is no more input. Where the container was made for one such end, its standard input ends. */
  async endInput(): Promise<void> {
    await this.#send('input_end')
  }

  /** The size of the container's terminal. */
  async resize(columns: number, rows: number): Promise<void> {
    const size = Buffer.alloc(4)
    size.writeUInt16LE(columns, 0)
    size.writeUInt16LE(rows, 2)
    await this.#send('resize', size)
  }

  /** @internal Sends a frame and waits for the same in return. */
  async request(kind: Frame, payload?: Uint8Array): Promise<void> {
    await this.#send(kind, payload)
    for (;;) {
      const frame = await this.#frame()
      if (frame?.kind === kind) return
      if (frame === undefined)
        throw new UtsuwaError('CONTAINER_STATE', 'it has ended', { operation: `attach to container ${this.id}` })
    }
  }

  /** The container goes on without this process. */
  [Symbol.dispose](): void {
    this.#socket.destroy()
  }

  #send(kind: Frame, payload: Uint8Array = new Uint8Array()): Promise<void> {
    const header = Buffer.alloc(HEADER_SIZE)
    header.writeUInt8(frames.choices.indexOf(kind), 0)
    header.writeUInt16LE(payload.length, 2)
    return new Promise(resolve => {
      // An error is the end of the connection, and reading tells of that.
      if (this.#socket.writable) this.#socket.write(Buffer.concat([header, payload]), () => resolve())
      else resolve()
    })
  }

  /** Undefined at the end of the connection. */
  async #frame(): Promise<{ readonly kind: Frame; readonly data: Buffer } | undefined> {
    for (;;) {
      const hasHeader = this.#rest.length >= HEADER_SIZE
      const size = HEADER_SIZE + (hasHeader ? this.#rest.readUInt16LE(2) : 0)
      if (hasHeader && this.#rest.length >= size) {
        const kind = frames.choices[this.#rest.readUInt8(0)]
        const data = this.#rest.subarray(HEADER_SIZE, size)
        this.#rest = this.#rest.subarray(size)
        if (kind !== undefined) return { kind, data }
      } else {
        const chunk = await this.#chunks.next().catch(() => undefined)
        if (chunk === undefined || chunk.done) return undefined
        this.#rest = this.#rest.length === 0 ? chunk.value : Buffer.concat([this.#rest, chunk.value])
      }
    }
  }

  #exitCode(): number {
    const exit = readExit(this.#stateRoot, this.id)
    if (exit !== undefined && !isAlive(this.#record)) return exit.exitCode
    const operation = `attach to container ${this.id}`
    if (isAlive(this.#record))
      throw new UtsuwaError('LIMIT_EXCEEDED', 'its output was not taken for five seconds, or its monitor was killed', {
        operation,
      })
    throw new UtsuwaError('CONTAINER_STATE', 'its monitor was killed, and nobody knows how it ended', { operation })
  }
}
