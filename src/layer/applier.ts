/** The applier process: its start, its input, its verdict. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync } from 'node:fs'
import { constants as os } from 'node:os'
import type { Writable } from 'node:stream'
import { UtsuwaError, type UtsuwaErrorCode } from '../errors.ts'
import { nativePath } from '../sys/native-path.ts'
import { RecordWriter, vocabularyHash } from '../util/wire.ts'
import { displayPath } from './path.ts'
import { type ApplierStep, applierVocabulary } from './records.ts'

const OPS = Object.keys(applierVocabulary.types)
const STEPS: readonly ApplierStep[] = applierVocabulary.choices[0].choices
/** Record type, step and errno; a path follows. */
const REPORT_HEAD = 12

/** One applier, for one layer. Dispose of it whatever happens; what it wrote is then complete or abandoned. */
export class Applier implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #input: Writable
  readonly #ended: Promise<Buffer>

  /**
   * @param directory the layer's root, an existing empty directory
   * @throws UtsuwaError NOT_ROOT, KERNEL_OPERATION_FAILED
   */
  constructor(directory: string) {
    const directoryFd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    try {
      // Not detached and with no environment: it lives and dies with its input.
      this.#child = spawn(nativePath('applier'), [], {
        stdio: ['pipe', 'pipe', 'ignore', directoryFd],
        env: {},
        cwd: '/',
      })
    } finally {
      closeSync(directoryFd)
    }
    this.#input = this.#child.stdin!
    this.#ended = outputOf(this.#child)
    // Awaited in finish(); a failure before that shows in a broken pipe first.
    this.#ended.catch(() => undefined)
    this.#input.on('error', () => undefined)
    const writer = new RecordWriter(applierVocabulary)
    writer.write({ op: 'begin', hash: vocabularyHash(applierVocabulary) })
    this.#input.write(writer.take())
  }

  /**
   * Hands records on, in one write. Resolves when nobody looks at these buffers any more.
   *
   * @throws UtsuwaError what the applier failed with, when it is gone
   */
  async write(parts: readonly Buffer[]): Promise<void> {
    const last = parts.at(-1)
    if (last === undefined) return
    const { promise: written, resolve } = Promise.withResolvers<boolean>()
    this.#input.cork()
    for (const part of parts.slice(0, -1)) this.#input.write(part)
    this.#input.write(last, error => resolve(!error))
    this.#input.uncork()
    if (!(await written)) return this.#fail()
  }

  /** Writes everything to disk and waits for the verdict. */
  async finish(): Promise<void> {
    const writer = new RecordWriter(applierVocabulary)
    writer.write({ op: 'end' })
    this.#input.end(writer.take())
    const failure = failureIn(await this.#ended, this.#child)
    if (failure !== undefined) throw failure
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL')
    await this.#ended.catch(() => undefined)
  }

  async #fail(): Promise<never> {
    const failure = failureIn(await this.#ended, this.#child)
    throw (
      failure ?? new UtsuwaError('KERNEL_OPERATION_FAILED', 'the applier ended early', { operation: 'unpack layer' })
    )
  }
}

async function outputOf(child: ChildProcess): Promise<Buffer> {
  const chunks: Buffer[] = []
  child.stdout!.on('data', (chunk: Buffer) => chunks.push(chunk))
  try {
    await once(child, 'close')
  } catch (cause) {
    throw new UtsuwaError('KERNEL_OPERATION_FAILED', String(cause), { operation: 'start the applier', cause })
  }
  return Buffer.concat(chunks)
}

function failureIn(report: Buffer, child: ChildProcess): UtsuwaError | undefined {
  if (report.length < REPORT_HEAD) {
    const how = child.signalCode === null ? `exit code ${child.exitCode}` : child.signalCode
    return new UtsuwaError('KERNEL_OPERATION_FAILED', `the applier died (${how})`, { operation: 'unpack layer' })
  }
  const op = OPS[report.readUInt32LE(0) - 1] ?? 'unknown'
  const step = STEPS[report.readUInt32LE(4)] ?? 'read'
  const errno = report.readUInt32LE(8)
  if (op === 'end' && errno === 0) return undefined
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
