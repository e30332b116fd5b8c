/** `restore`: a container as it was when a checkpoint was made of it. */
import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { criuConfigOf, externalMounts, mountPointsInRoot, namespacesToRestoreInto } from '../criu/external.ts'
import type { CriuFlags } from '../criu/messages.ts'
import { callCriu, FIRST_INHERITED_FD } from '../criu/session.ts'
import { openPathInRoot } from '../engine/files/container-files.ts'
import { UtsuwaError } from '../errors.ts'
import { enterScope, finishScope, setUpCgroup } from '../launch/scope.ts'
import { parseJson } from '../spec/json.ts'
import { constants, sys } from '../sys/index.ts'
import { isErrno } from '../util/errno.ts'
import { DESCRIPTORS_FILE, openDirectory } from './checkpoint.ts'
import { removeCgroupOf } from './delete.ts'
import { runHooks } from './hooks.ts'
import { claimDirectory, type PlannedCreation, planCreation, type RuntimeCreateOptions } from './plan-creation.ts'
import type { ContainerRecord } from './state/record.ts'
import { readProcessStat } from './state/status.ts'
import { formatState } from './state.ts'
import { isHostFile, isPipe } from './stream-names.ts'

const { O_DIRECTORY, O_PATH } = constants

export interface RestoreOptions extends CriuFlags {
  /** Host path of the directory that the checkpoint is in. */
  readonly imagePath: string
  /** Of criu's log. Default: imagePath. */
  readonly workPath?: string
}

/**
 * Resolves when the container runs again: under the spec given, in a cgroup of its own with that spec's limits, with
 * the caller's standard streams where it had pipes. Of the hooks prestart and createRuntime run, when its namespaces
 * are there.
 * @returns the record of the container, whose first process is a child of this one
 * @throws UtsuwaError CRIU_FAILED, CONTAINER_EXISTS, what create fails with; nothing of the container is left then
 */
export async function restore(creation: RuntimeCreateOptions, options: RestoreOptions): Promise<ContainerRecord> {
  const planned = planCreation(creation)
  const { record } = planned
  if (record.rootfs === '')
    throw new UtsuwaError('INVALID_SPEC', 'root must be given to restore', { configPointer: '/root' })
  if (planned.options.spec.linux?.netDevices !== undefined)
    throw new UtsuwaError('UNSUPPORTED', 'network devices of the host cannot be restored', {
      configPointer: '/linux/netDevices',
    })
  using container = claimDirectory(planned.options, record)
  try {
    makeMountPoints(planned)
    const pid = await restoreProcesses(planned, options)
    const restored = withProcess(record, pid)
    container.write(restored)
    return restored
  } catch (error) {
    await removeCgroupOf(record)
    container.remove()
    throw error
  }
}

function withProcess(record: ContainerRecord, pid: number): ContainerRecord {
  return { ...record, phase: 'created', pid, pidStartTime: readProcessStat(pid)?.startTime ?? 0 }
}

async function restoreProcesses(planned: PlannedCreation, options: RestoreOptions): Promise<number> {
  const { options: creation, record } = planned
  const { spec, bundlePath, consoleSocketFd, stdio = [0, 1, 2] } = creation
  const operation = `restore container ${record.id}`
  const { imagePath, workPath = imagePath, ...flags } = options
  using images = openDirectory(imagePath, operation)
  using work = openDirectory(workPath, operation)
  const namespaces = namespacesToRestoreInto(spec)
  const inherited = namespaces.inherited.map(([, path]) => openSync(path, constants.O_RDONLY))
  try {
    const { pid } = await callCriu(operation, {
      type: 'restore',
      logPath: join(workPath, 'restore.log'),
      stdio,
      inherited,
      surroundings: {
        root: record.rootfs,
        cgroupNamespace: spec.linux?.namespaces?.some(({ type }) => type === 'cgroup') ?? false,
        place: pid => placeInCgroup(planned, pid),
      },
      onStep: async (script, pid, fd) => {
        if (script === 'setup-namespaces') await runHostHooks(planned, pid)
        else if (script === 'orphan-pts-master') passTerminal(consoleSocketFd, fd, operation)
      },
      options: {
        ...flags,
        ...criuConfigOf(spec),
        imagesDirFd: images.fd,
        workDirFd: work.fd,
        logFile: 'restore.log',
        root: record.rootfs,
        restoreSibling: true,
        evasiveDevices: true,
        externalMounts: externalMounts(spec, bundlePath).map(({ name, hostPath }) => [name, hostPath]),
        inheritedFds: [
          ...standardStreams(imagePath, operation),
          ...namespaces.inherited.map(([name], index) => [name, FIRST_INHERITED_FD + index] as const),
        ],
        joinNamespaces: namespaces.joined,
      },
    })
    return pid
  } finally {
    for (const fd of inherited) closeSync(fd)
  }
}

/** Of criu, before it restores: what it makes is born there. */
async function placeInCgroup({ plan, record }: PlannedCreation, pid: number): Promise<void> {
  if (plan.scope !== undefined) {
    await enterScope(plan.scope, pid)
    finishScope(plan.scope)
    return
  }
  if (record.cgroup === undefined) return
  setUpCgroup(plan.host.filter(({ op }) => op !== 'clone' && op !== 'write_id_map'))
  writeFileSync(join(record.cgroup.mount, record.cgroup.path, 'cgroup.procs'), String(pid))
}

async function runHostHooks({ options, record }: PlannedCreation, pid: number): Promise<void> {
  const { hooks = {} } = options.spec
  const state = formatState({ ...record, pid }, 'creating')
  await runHooks(hooks.prestart ?? [], '/hooks/prestart', state, record.bundle)
  await runHooks(hooks.createRuntime ?? [], '/hooks/createRuntime', state, record.bundle)
}

function passTerminal(socket: number | undefined, master: number | undefined, operation: string): void {
  if (master === undefined) throw new UtsuwaError('CRIU_FAILED', 'criu sent no terminal', { operation })
  if (socket === undefined)
    throw new UtsuwaError('INVALID_ARGUMENT', 'the container has a terminal: give a console socket', { operation })
  sys.send(socket, Buffer.from('/dev/pts/ptmx'), master)
}

/** Names of those that were not the container's own, with the number of what takes their place. */
function standardStreams(imagePath: string, operation: string): [string, number][] {
  const path = join(imagePath, DESCRIPTORS_FILE)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT')) throw cause
    throw new UtsuwaError('INVALID_ARGUMENT', `there is no checkpoint in ${imagePath}`, { operation, path, cause })
  }
  const names = parseJson(text, path)
  if (!Array.isArray(names)) throw new UtsuwaError('INVALID_ARGUMENT', `${path} holds no list`, { operation, path })
  return names
    .map((name, number): [string, number] => [String(name), number])
    .filter(([name]) => isPipe(name) || isHostFile(name))
}

/** criu mounts where something is; a root file system that the container has never run in may lack it. */
function makeMountPoints({ options: { spec, bundlePath }, record }: PlannedCreation): void {
  const rootFd = openSync(record.rootfs, O_PATH | O_DIRECTORY)
  try {
    for (const { path, source } of mountPointsInRoot(spec, bundlePath))
      makeMountPoint(rootFd, path, source === undefined || statSync(source).isDirectory())
  } finally {
    closeSync(rootFd)
  }
}

/** By descriptor from one name to the next, so that no link leads out of the root. */
function makeMountPoint(rootFd: number, path: string, isDirectory: boolean): void {
  const parts = path.split('/').filter(Boolean)
  let parent = openPathInRoot(rootFd, '/')!
  try {
    for (const [index, name] of parts.entries()) {
      const prefix = parts.slice(0, index + 1).join('/')
      let next = openPathInRoot(rootFd, prefix)
      if (next === undefined) {
        const link = `/proc/self/fd/${parent}/${name}`
        if (isDirectory || index < parts.length - 1) mkdirSync(link, { mode: 0o755 })
        else writeFileSync(link, '', { flag: 'wx', mode: 0o644 })
        next = openPathInRoot(rootFd, prefix)!
      }
      closeSync(parent)
      parent = next
    }
  } finally {
    closeSync(parent)
  }
}
