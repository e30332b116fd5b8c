/** The host stage: the cgroup with its limits, then the clone into it. */
import { compileDeviceProgram, defaultDeviceRules } from '../cgroup/limits/devices.ts'
import { compileResources } from '../cgroup/limits/limits.ts'
import { UtsuwaError } from '../errors.ts'
import type { IdMapping, LinuxDeviceCgroup } from '../spec/runtime.ts'
import type { CompileInput } from './compile.ts'
import { compileIdMaps, type Namespaces } from './namespaces.ts'
import type { Operation, OperationOf } from './ops.ts'
import { isRootless } from './rootless.ts'

/** Controllers that every container's cgroup gets where the host has them: their counters are worth having. */
const usefulControllers = ['cpu', 'cpuset', 'io', 'memory', 'pids']

export function compileHostStage(input: CompileInput, namespaces: Namespaces): Operation[] {
  return [
    // A scope of systemd comes later: plan/scope.ts.
    ...(input.systemdUnit === undefined ? compileCgroup(input, namespaces, 'refuse') : []),
    { op: 'clone', flags: namespaces.cloneFlags(), pointer: '/linux/namespaces' },
    ...compileIdMaps(input.spec, namespaces, input.host.caller),
  ]
}

/** @param processes whether the cgroup may have some */
export function compileCgroup(
  input: CompileInput,
  namespaces: Namespaces,
  processes: OperationOf<'create_cgroup'>['processes'],
): Operation[] {
  const { spec, cgroupPath, host } = input
  const resources = spec.linux?.resources ?? {}
  const writes = compileResources(resources)
  if (cgroupPath === undefined || host.cgroupMount === undefined) {
    if (writes[0] !== undefined) throw nothingToLimit(input, writes[0].pointer)
    return []
  }
  const required = writes.flatMap(({ controller }) => controller ?? [])
  const useful = usefulControllers.filter(controller => host.cgroupControllers.includes(controller))
  const rules = [...(resources.devices ?? []), ...defaultDeviceRules]
  return [
    {
      op: 'create_cgroup',
      mount: host.cgroupMount,
      path: cgroupPath,
      controllers: [...new Set([...required, ...useful])],
      processes,
      pointer: spec.linux?.cgroupsPath === undefined ? '' : '/linux/cgroupsPath',
    },
    ...writes.map(({ file, value, onMissing, pointer }): Operation => {
      return { op: 'write_cgroup', file, value, onMissing, pointer }
    }),
    ...(isRootless(host.caller, namespaces) ? [] : compileDelegation(input, rules)),
  ]
}

/**
 * What takes root of the first user namespace. Others can do without: they own the cgroup that they made, and the
 * kernel keeps devices from their containers, which can have no node but one of the host's that they may open anyway.
 */
function compileDelegation(input: CompileInput, rules: readonly LinuxDeviceCgroup[]): Operation[] {
  return [
    ...ownCgroup(input),
    { op: 'attach_device_program', program: compileDeviceProgram(rules), pointer: '/linux/resources/devices' },
  ]
}

function nothingToLimit({ host, undelegated }: CompileInput, configPointer: string): UtsuwaError {
  if (undelegated !== undefined)
    return new UtsuwaError('CGROUP_ERROR', `${undelegated} is not delegated to this user, so nothing can be limited`, {
      configPointer,
      hint: 'run it in a scope of its own: systemd-run --user --scope -p Delegate=yes …; or leave the limits out',
    })
  const reason = host.cgroupMount === undefined ? 'the host has no cgroup v2 hierarchy' : 'cgroups are disabled'
  return new UtsuwaError('CGROUP_ERROR', `${reason}, so nothing can be limited`, { configPointer })
}

/**
 * config-linux.md, "Cgroup ownership": the container's user owns a cgroup that it sees as its own root and may write
 * to.
 */
function ownCgroup({ spec }: CompileInput): Operation[] {
  const { namespaces = [], uidMappings = [] } = spec.linux ?? {}
  const isNew = (wanted: string): boolean => namespaces.some(({ type, path }) => type === wanted && !path)
  const isMountedWritable = (spec.mounts ?? []).some(
    ({ type, options = [] }) => (type === 'cgroup' || type === 'cgroup2') && !options.includes('ro'),
  )
  if (!isNew('cgroup') || !isMountedWritable) return []
  const uid = spec.process?.user.uid ?? 0
  const owner = isNew('user') ? hostIdOf(uid, uidMappings) : uid
  // Root has it already; of a joined user namespace we do not know who is who.
  if (owner === undefined || owner === 0 || namespaces.some(({ type, path }) => type === 'user' && path)) return []
  return [{ op: 'own_cgroup', uid: owner, pointer: '/process/user/uid' }]
}

function hostIdOf(id: number, mappings: readonly IdMapping[]): number | undefined {
  const mapping = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size)
  return mapping && mapping.hostID + id - mapping.containerID
}
