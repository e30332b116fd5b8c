/** The applier processes: their start, their input, their verdict. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, writevSync } from 'node:fs'
import { Socket } from 'node:net'
import { constants as os } from 'node:os'
import { UtsuwaError, type UtsuwaErrorCode } from '../errors.ts'
import { sys } from '../sys/index.ts'
import { nativePath } from '../sys/native-path.ts'
import { isErrno, isPeerGone } from '../util/errno.ts'
import { howEnded, type ProgramEnd, signalName } from '../util/how-ended.ts'
import { RecordWriter, vocabularyHash } from '../util/wire.ts'
import { DEFAULT_LAYER_LIMITS, type LayerLimits, limitExceeded } from './limits.ts'
import { displayPath } from './path.ts'
import { type ApplierRecord, type ApplierStep, applierVocabulary } from './records.ts'

const OPS = Object.keys(applierVocabulary.types)
const STEPS: readonly ApplierStep[] = applierVocabulary.choices[0].choices
/** Record type, step and errno; a path follows. */
const REPORT_HEAD = 12
/** What an applier may take, by native/applier_confine.c. */
const CPU_SECONDS = 3600
/** Bytes that fit in a new pipe, read or not: its 16 pages, less one that is begun. */
const PIPE_ROOM = 60 * 1024
const HASH = vocabularyHash(applierVocabulary)
const END = encode({ op: 'end' })
/** How long the end of the program may take to be heard of. */
const END_MS = 2000
/** What a message carries beside a descriptor: nothing, but it must have a byte. */
const BYTE = Buffer.alloc(1)

/** One applier for each layer, all children of a small program, which has them sooner than Node would. Dispose of it. */
export class Appliers implements AsyncDisposable {
  readonly #child: ChildProcess
  /** How it ended, for people. */
  readonly #ended: Promise<string>
  readonly #controlFd: number

  /** @throws UtsuwaError KERNEL_OPERATION_FAILED */
  constructor() {
    const [own, theirs] = sys.socketpair('seqpacket')
    this.#controlFd = own
    try {
      // Not detached and with no environment: it ends with this socket.
      this.#child = spawn(nativePath('applier'), [], {
        stdio: ['ignore', 'ignore', 'ignore', theirs],
        env: {},
        cwd: '/',
      })
    } catch (error) {
      closeSync(own)
      throw error
    } finally {
      closeSync(theirs)
    }
    // Where it could not be started, the first layer notices.
    this.#ended = once(this.#child, 'exit').then(
      ([code, signal]) => howEnded({ code, signal } as ProgramEnd),
      (cause: unknown) => (cause instanceof Error ? cause.message : String(cause)),
    )
  }

  /**
   * An applier for one layer.
   *
   * @param directory the layer's root, an existing empty directory
   * @throws UtsuwaError KERNEL_OPERATION_FAILED
   */
  async start(directory: string, limits: LayerLimits = DEFAULT_LAYER_LIMITS): Promise<Applier> {
    const theirs = [openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)]
    const own: number[] = []
    try {
      const [input, toApplier] = sys.pipe()
      theirs.push(input)
      own.push(toApplier)
      const [fromApplier, report] = sys.pipe()
      theirs.push(report)
      own.push(fromApplier)
      for (const fd of theirs) sys.send(this.#controlFd, BYTE, fd)
      return new Applier(toApplier, fromApplier, this.#gone, limits)
    } catch (error) {
      for (const fd of own) closeSync(fd)
      throw isPeerGone(error) ? await this.#gone() : error
    } finally {
      for (const fd of theirs) closeSync(fd)
    }
  }

  /** The error about the program itself, when it has ended although a layer needs it. */
  readonly #gone = async (): Promise<UtsuwaError> => {
    const { promise, resolve } = Promise.withResolvers<string>()
    // Node hears of its end at once; to wait for ever would be worse than not to know.
    const timer = setTimeout(resolve, END_MS, 'it ended without a word')
    void this.#ended.then(resolve)
    const how = await promise
    clearTimeout(timer)
    return new UtsuwaError('KERNEL_OPERATION_FAILED', `the applier: ${how}`, { operation: 'unpack layer' })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeSync(this.#controlFd)
    await this.#ended
  }
}

/** Writes one layer. Dispose of it whatever happens; what it wrote is then complete or abandoned. */
export class Applier implements AsyncDisposable {
  readonly #inputFd: number
  /** What has been written to it without a stream, which most layers are too small to need. */
  #filled = 0
  #input: Socket | undefined
  #closed = false
  readonly #report: Promise<Buffer>
  readonly #gone: () => Promise<UtsuwaError>
  readonly #limits: LayerLimits

  /**
   * Pipes: where its records go, and where its verdict comes from.
   * @param gone makes the error for an end without a verdict
   */
  constructor(inputFd: number, reportFd: number, gone: () => Promise<UtsuwaError>, limits: LayerLimits) {
    this.#inputFd = inputFd
    this.#gone = gone
    this.#limits = limits
    this.#report = contentOf(new Socket({ fd: reportFd, readable: true, writable: false }))
    this.#fill([encode({ op: 'begin', hash: HASH, impliedDirectories: limits.impliedDirectories })])
  }

  /**
   * Hands records on, in one write. Resolves when these buffers are no longer used.
   *
   * @throws UtsuwaError what the applier failed with, when it has ended
   */
  async write(parts: readonly Buffer[]): Promise<void> {
    const last = parts.at(-1)
    if (last === undefined) return
    if (this.#input === undefined && this.#fill(parts)) return
    const input = this.#stream()
    const { promise: written, resolve } = Promise.withResolvers<boolean>()
    input.cork()
    for (const part of parts.slice(0, -1)) input.write(part)
    input.write(last, error => resolve(!error))
    input.uncork()
    if (!(await written)) return this.#fail()
  }

  /** Waits for the verdict. The files are there then, on disk when the caller asked for that. */
  async finish(): Promise<void> {
    if (this.#input === undefined && this.#fill([END])) this.#close()
    else this.#stream().end(END)
    const failure = await this.#verdict()
    if (failure !== undefined) throw failure
  }

  /** Without the end of its input it ends as well. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#close()
    await this.#report
  }

  /** Writes what fits in the pipe in any case; false where it may not, and nothing is written then. */
  #fill(parts: readonly Buffer[]): boolean {
    const size = parts.reduce((sum, part) => sum + part.length, 0)
    if (this.#filled + size > PIPE_ROOM) return false
    this.#filled += size
    try {
      writevSync(this.#inputFd, parts)
    } catch (error) {
      // The applier has ended, and its report says why.
      if (!isErrno(error, 'EPIPE')) throw error
    }
    return true
  }

  #stream(): Socket {
    if (this.#input === undefined) {
      this.#input = new Socket({ fd: this.#inputFd, readable: false, writable: true })
      // A failure shows in the report.
      this.#input.on('error', () => undefined)
    }
    return this.#input
  }

  #close(): void {
    if (this.#input !== undefined) this.#input.destroy()
    else if (!this.#closed) closeSync(this.#inputFd)
    this.#closed = true
  }

  async #verdict(): Promise<UtsuwaError | undefined> {
    const report = await this.#report
    return report.length < REPORT_HEAD ? this.#gone() : failureIn(report, this.#limits)
  }

  async #fail(): Promise<never> {
    const failure = await this.#verdict()
    throw (
      failure ?? new UtsuwaError('KERNEL_OPERATION_FAILED', 'the applier ended early', { operation: 'unpack layer' })
    )
  }
}

function encode(record: ApplierRecord): Buffer {
  const writer = new RecordWriter(applierVocabulary)
  writer.write(record)
  return writer.take()
}

async function contentOf(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => undefined)
  await once(socket, 'close')
  return Buffer.concat(chunks)
}

function failureIn(report: Buffer, { impliedDirectories }: LayerLimits): UtsuwaError | undefined {
  const op = OPS[report.readUInt32LE(0) - 1] ?? 'unknown'
  const step = STEPS[report.readUInt32LE(4)] ?? 'read'
  const errno = report.readUInt32LE(8)
  if (op === 'end' && errno === 0) return undefined
  if (step === 'died' && errno === os.signals.SIGXCPU) {
    return limitExceeded(`more than ${CPU_SECONDS} seconds of processor time`, CPU_SECONDS)
  }
  if (step === 'imply') {
    return limitExceeded('directories that it does not list, beside one an entry', impliedDirectories)
  }
  if (step === 'died') {
    return new UtsuwaError('KERNEL_OPERATION_FAILED', `the applier: killed by ${signalName(errno)}`, {
      operation: 'unpack layer',
    })
  }
  const path = displayPath(report.toString('latin1', REPORT_HEAD))
  return new UtsuwaError(codeOf(step, errno), undefined, {
    operation: step === 'confine' || step === 'read' ? `unpack layer: ${step}` : `unpack ${path}: ${op} (${step})`,
    path,
    errno,
    ...(step === 'confine' && errno === os.errno.EPERM ? { hint: 'unpacking needs root' } : {}),
  })
}

function codeOf(step: ApplierStep, errno: number): UtsuwaErrorCode {
  switch (errno) {
    case os.errno.ENOSPC:
    case os.errno.EDQUOT:
      return 'NO_SPACE'
    case os.errno.EPERM:
      return step === 'confine' ? 'NOT_ROOT' : 'KERNEL_OPERATION_FAILED'
    case os.errno.ELOOP:
    case os.errno.EXDEV:
      return 'UNSAFE_LAYER'
    case os.errno.EOPNOTSUPP:
      return 'UNSUPPORTED'
    case os.errno.ENAMETOOLONG:
      return 'LIMIT_EXCEEDED'
    case os.errno.ENOENT:
    case os.errno.ENOTDIR:
    case os.errno.EISDIR:
    case os.errno.EEXIST:
    case os.errno.EINVAL:
      return step === 'confine' ? 'KERNEL_OPERATION_FAILED' : 'CORRUPT_LAYER'
    default:
      return 'KERNEL_OPERATION_FAILED'
  }
}
