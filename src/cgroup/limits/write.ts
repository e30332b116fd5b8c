import { UtsuwaError } from '../../errors.ts'
import type { Int64 } from '../../spec/runtime.ts'

/** One write to a file of the container's cgroup. */
export interface CgroupWrite {
  /** Name of the file: `memory.max`. */
  file: string
  value: string
  /** The controller that has to be enabled for the file to be there; absent for files of cgroup itself. */
  controller?: string
  /** JSON pointer of what asked for it in the runtime spec. */
  pointer: string
  /** `skip` where kernels differ and another write serves those without this file. */
  onMissing: 'fail' | 'skip'
}

/** Makes writes of one controller from members of `/linux/resources/<section>`. */
export function writer(controller: string, section: string) {
  return (member: string, file: string, value: string, onMissing: CgroupWrite['onMissing'] = 'fail'): CgroupWrite => ({
    file,
    value,
    controller,
    pointer: `/linux/resources/${section}/${member}`,
    onMissing,
  })
}

/** −1 is how the specification says unlimited, `max` how the kernel does. */
export function orMax(value: Int64): string {
  return BigInt(value) === -1n ? 'max' : String(value)
}

/** Whether anything was asked for: engines written in Go put 0 for a limit that was not given. */
export function isSet(value: Int64 | undefined): value is Int64 {
  return value !== undefined && BigInt(value) !== 0n
}

/** The error for what only cgroup v1 has. `instead` says what to use on v2. */
export function notOnV2(member: string, instead: string): UtsuwaError {
  return new UtsuwaError('UNSUPPORTED', `${member.replaceAll('/', '.')} does not exist on cgroup v2: ${instead}`, {
    configPointer: `/linux/resources/${member}`,
    hint: instead,
  })
}

export function invalidLimit(member: string, reason: string): UtsuwaError {
  return new UtsuwaError('INVALID_SPEC', reason, { configPointer: `/linux/resources/${member}` })
}
