/**
 * The one error type of utsuwa. Its `code` is documented API: programs branch on it, people read the message.
 *
 * A message names the operation first, then what the kernel or the input said, then where the request came from:
 * `mount proc at /proc: EPERM (operation not permitted) [/mounts/0]`.
 */
import { describeErrno } from './util/errno.ts'

/** Stable error codes. New ones may be added; none is renamed or reused. */
export type UtsuwaErrorCode =
  // what the caller asked for
  | 'INVALID_ARGUMENT' // an option, flag or function argument that makes no sense
  | 'INVALID_REFERENCE' // an image name that does not parse
  | 'INVALID_SPEC' // config.json or another JSON document breaks its specification; `configPointer` says where
  | 'BUNDLE_NOT_FOUND' // no bundle directory, or no config.json in it
  | 'CONTAINER_EXISTS' // the container id or name is in use
  | 'CONTAINER_NOT_FOUND'
  | 'CONTAINER_NOT_RUNNING'
  | 'POOL_CLOSED'
  | 'CONTAINER_STATE' // the operation is not allowed in the container's current state
  | 'IMAGE_NOT_FOUND' // not in the local store, or the registry says it has none
  | 'IMAGE_IN_USE'
  | 'VOLUME_NOT_FOUND'
  | 'VOLUME_IN_USE'
  | 'NETWORK_EXISTS'
  | 'NETWORK_NOT_FOUND'
  | 'NETWORK_IN_USE'
  | 'PORT_IN_USE' // of the host
  | 'PLATFORM_NOT_FOUND' // the index has no manifest for this platform
  // registries and content
  | 'REGISTRY_UNREACHABLE'
  | 'REGISTRY_UNAUTHORIZED'
  | 'REGISTRY_RATE_LIMITED'
  | 'REGISTRY_ERROR' // any other answer that is not what the distribution specification allows
  | 'DIGEST_MISMATCH'
  | 'SIZE_MISMATCH' // truncated, or longer than its descriptor says
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'UNSAFE_LAYER' // a layer entry that would leave the root, or cannot be applied safely
  | 'CORRUPT_LAYER' // not a valid tar or compression stream
  | 'LIMIT_EXCEEDED' // more bytes, entries or depth than an image may have
  | 'STORE_CORRUPT'
  | 'NO_SPACE' // ENOSPC or EDQUOT, wherever it came from
  // the kernel
  | 'NOT_ROOT' // the operation needs privileges that the caller lacks
  | 'CONTROLLER_MISSING' // a cgroup v2 controller is not available where the container would live
  | 'CGROUP_ERROR'
  | 'UNSUPPORTED' // the kernel, or utsuwa, cannot do this
  | 'KERNEL_OPERATION_FAILED' // an operation of the plan failed; `operation`, `path`, `errno`, `configPointer` say which
  // running a command
  | 'COMMAND_NOT_FOUND'
  | 'COMMAND_NOT_EXECUTABLE'
  | 'INIT_FAILED' // init ended without saying why
  | 'HOOK_FAILED'
  | 'CRIU_FAILED' // criu could not checkpoint or restore a container; the message has what its log says last
  | 'CNI_FAILED' // a plugin could not connect a container to its network; the message has what it says
  | 'ABORTED' // an AbortSignal fired
  | 'TIMEOUT'

/** Why a command could not be executed, for COMMAND_NOT_FOUND and COMMAND_NOT_EXECUTABLE. */
export type CommandFailure =
  // COMMAND_NOT_FOUND
  | 'not_in_path' // a name without a slash that is in no directory of PATH
  | 'missing_file'
  | 'missing_interpreter' // what the #! line names is not there
  | 'crlf' // the #! line ends in a carriage return, which the kernel takes for a part of the name
  | 'missing_loader' // the dynamic loader of an ELF file is not there: often glibc's, in an image with musl
  // COMMAND_NOT_EXECUTABLE
  | 'not_executable' // no permission, for this user
  | 'directory'
  | 'interpreter_not_executable'
  | 'wrong_architecture'
  | 'not_a_program' // neither an ELF file that the kernel executes nor a text with a #! line

/** What an error says beside its code and message. */
export interface UtsuwaErrorDetails {
  /** What was being done, lower case, starting with a verb: `mount proc at /proc`. */
  operation?: string | undefined
  /** The host or container path, or URL, that the operation acted on. */
  path?: string | undefined
  /** Positive errno number from the kernel. */
  errno?: number | undefined
  /** JSON pointer (RFC 6901) into the runtime spec that asked for the operation. */
  configPointer?: string | undefined
  /** Why a command could not be executed, where that is known. */
  failure?: CommandFailure | undefined
  /** What a person can type or change to get further. One line. */
  hint?: string | undefined
  cause?: unknown
}

/** What every function of utsuwa rejects with or throws. */
export class UtsuwaError extends Error {
  override readonly name = 'UtsuwaError'
  /** Stable: what to tell errors apart by. */
  readonly code: UtsuwaErrorCode
  /** What was being done: `mount proc at /proc`. */
  readonly operation: string | undefined
  /** The host or container path, or URL, that it acted on. */
  readonly path: string | undefined
  /** Positive number of errno(3), where the kernel refused something. */
  readonly errno: number | undefined
  /** JSON pointer (RFC 6901) into the runtime spec that asked for it. */
  readonly configPointer: string | undefined
  /** Why a command could not be executed, where that is known. */
  readonly failure: CommandFailure | undefined
  /** What a person can do about it, in one line. */
  readonly hint: string | undefined

  /**
   * @param reason what went wrong, lower case, no full stop; left out when `errno` says it all
   */
  constructor(code: UtsuwaErrorCode, reason: string | undefined, details: UtsuwaErrorDetails = {}) {
    super(composeMessage(reason, details), details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.operation = details.operation
    this.path = details.path
    this.errno = details.errno
    this.configPointer = details.configPointer
    this.failure = details.failure
    this.hint = details.hint
  }
}

function composeMessage(reason: string | undefined, { operation, errno, configPointer }: UtsuwaErrorDetails): string {
  const parts = [operation, reason, errno === undefined ? undefined : describeErrno(errno)]
  const text = parts.filter(part => part !== undefined && part !== '').join(': ')
  return configPointer === undefined ? text : `${text} [${configPointer}]`
}

/** True for an UtsuwaError, of the given code where one is given. */
export function isUtsuwaError(error: unknown, code?: UtsuwaErrorCode): error is UtsuwaError {
  return error instanceof UtsuwaError && (code === undefined || error.code === code)
}

/** True where bytes are not those that their descriptor speaks of. */
export function isMismatch(error: unknown): error is UtsuwaError {
  return isUtsuwaError(error, 'DIGEST_MISMATCH') || isUtsuwaError(error, 'SIZE_MISMATCH')
}
