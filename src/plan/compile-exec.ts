/** The plan of a process that joins a running container: a plan of its own, not a variant of the container's. */
import type { ProgramStore } from '../seccomp/compile.ts'
import type { LinuxNamespaceType, Process, RuntimeSpec } from '../spec/runtime.ts'
import { cpuBitmap } from '../util/cpu-list.ts'
import type { CompiledPlan, DescriptorName } from './compile.ts'
import { cloneFlags } from './namespaces.ts'
import type { Operation } from './ops.ts'
import {
  compileIdentity,
  compileLookup,
  compileMemoryPolicy,
  compilePersonality,
  compilePrivileges,
  compileResourcesOfProcess,
} from './process.ts'

export interface CompileExecInput {
  readonly id: string
  /** The container's: namespaces, seccomp. */
  readonly spec: RuntimeSpec
  readonly process: Process
  /** Host path of the cgroup that the process is born in; undefined: the caller's. */
  readonly cgroupHostPath: string | undefined
  readonly noNewKeyring?: boolean
  readonly preserveFds?: number
  /** As in `CompileInput`. */
  readonly seccompPrograms?: ProgramStore | undefined
}

export function compileExec(input: CompileExecInput): CompiledPlan {
  const { id, spec, process, cgroupHostPath, preserveFds = 0 } = input
  const descriptors: DescriptorName[] = ['plan', 'report', 'container']
  if (process.terminal) descriptors.push('console')
  const firstDescriptor = 3 + preserveFds
  const fd = (name: DescriptorName): number => firstDescriptor + descriptors.indexOf(name)
  const types = (spec.linux?.namespaces ?? []).map(({ type }) => type)

  return {
    descriptors,
    firstDescriptor,
    host: [
      ...(cgroupHostPath === undefined ? [] : [{ op: 'open_cgroup', path: cgroupHostPath, pointer: '' } as const]),
      { op: 'clone', flags: 0, pointer: '' },
    ],
    join: [
      { op: 'join_process', pidfd: fd('container'), flags: flagsOf(types), pointer: '/linux/namespaces' },
      // A PID namespace is entered by children only (setns(2)).
      ...(types.includes('pid') ? [{ op: 'fork', pointer: '/linux/namespaces' } as const] : []),
    ],
    init: [
      { op: 'new_session', pointer: '' },
      { op: 'open_procfs', pointer: '' },
      ...(input.noNewKeyring ? [] : [{ op: 'new_keyring', name: `_ses.${id}`, pointer: '' } as const]),
      ...console(process, fd),
      ...affinity(process),
      ...compileResourcesOfProcess(process),
      ...compilePersonality(spec),
      ...compileMemoryPolicy(spec),
      { op: 'change_directory', path: process.cwd, pointer: '/process/cwd' },
      ...compileIdentity(process),
      compileLookup(process),
      { op: 'announce', pointer: '' },
      ...compilePrivileges(process, spec.linux?.seccomp, input.seccompPrograms),
      { op: 'exec', args: process.args, env: process.env ?? [], preserveFds, pointer: '/process/args' },
    ],
  }
}

function flagsOf(types: readonly LinuxNamespaceType[]): number {
  return types.reduce((flags, type) => flags | cloneFlags[type], 0)
}

function console(
  { terminal, consoleSize = { width: 0, height: 0 } }: Process,
  fd: (name: 'console') => number,
): Operation[] {
  if (!terminal) return []
  const { width, height } = consoleSize
  return [{ op: 'open_console', socketFd: fd('console'), width, height, pointer: '/process/terminal' }]
}

/** `initial` would apply before the process is in the container's cgroup; it is born there, so `final` follows at once. */
function affinity({ execCPUAffinity = {} }: Process): Operation[] {
  const { initial, final } = execCPUAffinity
  const list = final ?? initial
  if (list === undefined || list === '') return []
  return [{ op: 'set_cpu_affinity', mask: cpuBitmap(list), pointer: '/process/execCPUAffinity' }]
}
