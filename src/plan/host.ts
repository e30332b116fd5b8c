/** The host stage: the cgroup with its limits, then the clone into it. */
import { compileDeviceProgram, defaultDeviceRules } from '../cgroup/devices.ts'
import { compileResources } from '../cgroup/limits.ts'
import { UtsuwaError } from '../errors.ts'
import type { IdMapping } from '../spec/runtime.ts'
import type { CompileInput } from './compile.ts'
import { compileIdMaps, type Namespaces } from './namespaces.ts'
import type { Operation, OperationOf } from './ops.ts'

/** Controllers that every container's cgroup gets where the host has them: their counters are worth having. */
const usefulControllers = ['cpu', 'cpuset', 'io', 'memory', 'pids']

export function compileHostStage(input: CompileInput, namespaces: Namespaces): Operation[] {
  return [
    // A scope of systemd comes later: plan/scope.ts.
    ...(input.systemdUnit === undefined ? compileCgroup(input, 'refuse') : []),
    { op: 'clone', flags: namespaces.cloneFlags(), pointer: '/linux/namespaces' },
    ...compileIdMaps(input.spec, namespaces),
  ]
}

/** @param processes whether the cgroup may have some */
export function compileCgroup(input: CompileInput, processes: OperationOf<'create_cgroup'>['processes']): Operation[] {
  const { spec, cgroupPath, host } = input
  const resources = spec.linux?.resources ?? {}
  const writes = compileResources(resources)
  if (cgroupPath === undefined || host.cgroupMount === undefined) {
    if (writes[0] === undefined) return []
    const reason = host.cgroupMount === undefined ? 'the host has no cgroup v2 hierarchy' : 'cgroups are disabled'
    throw new UtsuwaError('CGROUP_ERROR', `${reason}, so nothing can be limited`, { configPointer: writes[0].pointer })
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
    ...ownCgroup(input),
    { op: 'attach_device_program', program: compileDeviceProgram(rules), pointer: '/linux/resources/devices' },
  ]
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
