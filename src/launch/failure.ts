/** From "operation 7 failed with errno 2" to an error that says what, where and why. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CommandFailure, UtsuwaError, type UtsuwaErrorCode } from '../errors.ts'
import { describeOperation } from '../plan/explain.ts'
import type { Operation, OperationOf } from '../plan/ops.ts'
import { errnos } from '../util/errno.ts'
import { diagnose, type ExecutableFile } from './executable.ts'
import { userNamespaceFix } from './user-namespace.ts'

/**
 * @param errno positive
 * @param detail what C added: a path, an option, or the file system's own message
 * @param files of `exec`: what the kernel read of the command and its interpreters
 */
export function operationError(
  operation: Operation,
  errno: number,
  detail: string,
  files: readonly ExecutableFile[] = [],
): UtsuwaError {
  if (operation.op === 'find_executable') return lookupError(operation, errno)
  if (operation.op === 'exec') return execError(operation.pointer, errno, detail, files)
  if (operation.op === 'run_hook') return hookError(operation, errno, detail)
  if (operation.op === 'create_cgroup') return cgroupError(operation, errno, detail)
  if (operation.op === 'write_id_map') return idMapError(operation, errno, detail)
  const hint = hintFor(operation, errno)
  return new UtsuwaError(codeOf(errno), detail || undefined, {
    operation: describeOperation(operation),
    errno,
    ...pointerOf(operation),
    hint,
  })
}

/** What the errno does not say; last: AppArmor lets users make user namespaces in which no operation has privileges. */
function hintFor(operation: Operation, errno: number): string | undefined {
  if (operation.op === 'mount_at' && operation.symlinks === 'refuse' && errno === errnos.ELOOP)
    return `${operation.type} must be mounted on ordinary directory, not through a symbolic link`
  if (operation.op === 'bind_device' && errno === errnos.ENODEV)
    return `${operation.source} of the host is another device, and only the host's can be had in a user namespace`
  if (operation.op === 'set_user' && operation.groups.length > 0 && errno === errnos.EPERM)
    return 'additional groups take a gid map by newgidmap: one written without privileges forbids setgroups(2); leave additionalGids out'
  if (operation.op === 'set_user' && errno === errnos.EINVAL)
    return 'uid, gid and each of additionalGids must be in uidMappings and gidMappings'
  const denied = errno === errnos.EPERM || errno === errnos.EACCES
  if (operation.op === 'join_namespace' && operation.kind !== 'mount' && denied)
    return 'from a new user namespace none can be joined that belongs to the host: give the path of a user namespace that owns it'
  if (operation.op === 'attach_rootfs' && denied)
    return 'the ids of a user namespace must get there: no directory above it may be closed to others (chmod o+x)'
  return denied && process.geteuid!() !== 0 ? userNamespaceFix(errno) : undefined
}

/** `detail` is what the helper wrote. */
function idMapError(operation: OperationOf<'write_id_map'>, errno: number, detail: string): UtsuwaError {
  const { file, helper } = operation
  const ids = file === 'uid_map' ? 'uid' : 'gid'
  const hint =
    helper === ''
      ? userNamespaceFix(errno)
      : `the ids must be yours in /etc/sub${ids}: sudo usermod --add-sub${ids}s 100000-165535 "$USER"`
  return new UtsuwaError('NOT_ROOT', detail || undefined, {
    operation: describeOperation(operation),
    errno,
    ...pointerOf(operation),
    hint,
  })
}

function codeOf(errno: number): UtsuwaErrorCode {
  if (errno === errnos.ENOSPC || errno === errnos.EDQUOT) return 'NO_SPACE'
  return 'KERNEL_OPERATION_FAILED'
}

function pointerOf({ pointer }: Pick<Operation, 'pointer'>): { configPointer?: string } {
  return pointer === '' ? {} : { configPointer: pointer }
}

/** The texts that engines look for: Docker Engine and podman tell 126 from 127 by them. */
function lookupError(operation: OperationOf<'find_executable'>, errno: number): UtsuwaError {
  const { file } = operation
  const details = { operation: `exec: ${JSON.stringify(file)}`, path: file, ...pointerOf(operation) }
  if (errno === errnos.ENOENT && !file.includes('/'))
    return new UtsuwaError('COMMAND_NOT_FOUND', 'executable file not found in $PATH', {
      ...details,
      failure: 'not_in_path',
    })
  if (errno === errnos.ENOENT || errno === errnos.ENOTDIR) {
    const reason = errno === errnos.ENOENT ? 'no such file or directory' : 'not a directory'
    return new UtsuwaError('COMMAND_NOT_FOUND', `stat ${file}: ${reason}`, { ...details, failure: 'missing_file' })
  }
  if (errno === errnos.EACCES)
    return new UtsuwaError('COMMAND_NOT_EXECUTABLE', 'permission denied', { ...details, failure: 'not_executable' })
  if (errno === errnos.EISDIR)
    return new UtsuwaError('COMMAND_NOT_EXECUTABLE', 'permission denied: is a directory', {
      ...details,
      failure: 'directory',
    })
  return new UtsuwaError('COMMAND_NOT_EXECUTABLE', undefined, { ...details, errno })
}

/**
 * The file was found, yet the kernel did not execute it.
 * @param pointer of the operation
 * @param path of the command in the container
 */
export function execError(pointer: string, errno: number, path: string, files: readonly ExecutableFile[]): UtsuwaError {
  const diagnosis = diagnose(errno, files)
  const details = { operation: `exec ${path}`, path, errno, ...pointerOf({ pointer }) }
  const { reason, ...known } = diagnosis ?? undiagnosed(errno)
  return new UtsuwaError(isMissing(errno) ? 'COMMAND_NOT_FOUND' : 'COMMAND_NOT_EXECUTABLE', reason, {
    ...details,
    ...known,
  })
}

function isMissing(errno: number): boolean {
  return errno === errnos.ENOENT || errno === errnos.ENOTDIR
}

/** What the errno alone says, of a file that could not be looked at: it may be executed but not read, or was removed. */
function undiagnosed(errno: number): { reason?: string; failure?: CommandFailure; hint?: string } {
  if (errno === errnos.EACCES) return { failure: 'not_executable' }
  if (errno === errnos.ENOEXEC)
    return { hint: 'the file is no program for this machine: another architecture, or a script without a #! line' }
  if (errno === errnos.ENOENT)
    return {
      hint: 'the file exists: its interpreter or ELF loader does not, or its first line ends in a carriage return',
    }
  return {}
}

function hookError(operation: OperationOf<'run_hook'>, errno: number, detail: string): UtsuwaError {
  const details = { operation: describeOperation(operation), path: operation.path, ...pointerOf(operation) }
  if (detail !== '') return new UtsuwaError('HOOK_FAILED', detail.replace('exit', 'exit status'), details)
  return new UtsuwaError('HOOK_FAILED', undefined, { ...details, errno })
}

/** `detail` is `memory /path` where a controller could not be enabled for the children of that cgroup. */
function cgroupError(operation: OperationOf<'create_cgroup'>, errno: number, detail: string): UtsuwaError {
  const details = { operation: describeOperation(operation), errno, ...pointerOf(operation) }
  const [, controller, parent] = /^(\w+) (.*)$/.exec(detail) ?? []
  if (controller === undefined || parent === undefined) {
    if (errno === errnos.EBUSY)
      return new UtsuwaError('CGROUP_ERROR', 'the cgroup has processes in it', { ...details, path: detail })
    if (errno === errnos.EACCES || errno === errnos.EPERM)
      return new UtsuwaError('NOT_ROOT', detail || undefined, {
        ...details,
        hint: 'making cgroups takes root, or a cgroup that was delegated to you: run it with sudo, or with systemd-run --user --scope',
      })
    return new UtsuwaError('CGROUP_ERROR', detail || undefined, details)
  }
  const directory = join(operation.mount, parent)
  const where = { ...details, path: directory, hint: controllerHint(controller, directory) }
  const missing = errno === errnos.ENOENT || errno === errnos.EOPNOTSUPP || errno === errnos.EINVAL
  if (!missing) return new UtsuwaError('CGROUP_ERROR', `enable ${controller} in ${directory}`, where)
  // Without "no such file or directory", which engines take for a command that is not there.
  const { errno: _, ...withoutErrno } = where
  return new UtsuwaError(
    'CONTROLLER_MISSING',
    `controller ${controller} is not available in ${directory}`,
    withoutErrno,
  )
}

/** Where the controller got lost on its way from the root, and what gives it back. */
function controllerHint(controller: string, directory: string): string {
  const v1 = `/sys/fs/cgroup/${controller}`
  if (existsSync(join(v1, 'cgroup.procs')))
    return `a cgroup v1 hierarchy at ${v1} holds ${controller}; boot with systemd.unified_cgroup_hierarchy=1 or cgroup_no_v1=all`
  const controllers = readWords(join(directory, 'cgroup.controllers'))
  if (controllers.includes(controller))
    return `echo +${controller} > ${join(directory, 'cgroup.subtree_control')}; it fails while processes are in ${directory} itself`
  return `${directory} has only ${controllers.join(', ') || 'none'}; delegate it: Delegate=${controller} in the unit, or enable it in each parent's cgroup.subtree_control`
}

function readWords(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split(/\s+/).filter(Boolean)
  } catch {
    // The hint gets shorter; the error it belongs to is already on its way.
    return []
  }
}
