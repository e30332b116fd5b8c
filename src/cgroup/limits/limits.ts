/**
 * Compiles `linux.resources` to writes of cgroup v2 files.
 *
 * The order of the writes is right for a new cgroup and matters in three places:
 * - `memory.swap.max` before `memory.max`: a lower `memory.max` reclaims at once, and what that may push to swap is
 *   then already bounded by the new limit. Raising does not care, the two are independent.
 * - `cpu.max` before `cpu.max.burst`, which may not exceed the quota. An update that lowers the quota below the burst
 *   in force has to lower the burst first.
 * - `cpu.weight` before `cpu.idle` 1, and after `cpu.idle` 0: an idle cgroup refuses a weight.
 *
 * `unified` comes last, so that it overrides what the other members say.
 */
import { childPointer } from '../../spec/pointer.ts'
import type { LinuxResources } from '../../spec/runtime.ts'
import { compileCpu } from './limits-cpu.ts'
import { compileBlockIo } from './limits-io.ts'
import { compileMemory } from './limits-memory.ts'
import { compileUnified } from './unified.ts'
import { type CgroupWrite, isSet, notOnV2, orMax, writer } from './write.ts'

export type { CgroupWrite } from './write.ts'

/**
 * Everything but `devices`, which is a program, see `compileDeviceProgram`, and `memory.checkBeforeUpdate`, which
 * concerns who applies the writes.
 *
 * @throws UtsuwaError INVALID_SPEC for limits that contradict each other, UNSUPPORTED for what only cgroup v1 has
 */
export function compileResources(resources: LinuxResources): CgroupWrite[] {
  refuseNetwork(resources)
  return [
    ...compileMemory(resources.memory ?? {}),
    ...compileCpu(resources.cpu ?? {}),
    ...compilePids(resources),
    ...compileBlockIo(resources.blockIO ?? {}),
    ...compileHugepages(resources),
    ...compileRdma(resources),
    ...compileUnified(resources.unified ?? {}),
  ]
}

function compilePids({ pids }: LinuxResources): CgroupWrite[] {
  // 0 tasks would stop the container itself from starting; engines write it for "no limit"
  if (pids?.limit === undefined) return []
  return [writer('pids', 'pids')('limit', 'pids.max', isSet(pids.limit) ? orMax(pids.limit) : 'max')]
}

/** Reservations are limited as well where the kernel can (Linux 5.7): the program sees ENOMEM instead of SIGBUS. */
function compileHugepages({ hugepageLimits = [] }: LinuxResources): CgroupWrite[] {
  const write = writer('hugetlb', 'hugepageLimits')
  return hugepageLimits.flatMap(({ pageSize, limit }, index) => [
    write(`${index}`, `hugetlb.${pageSize}.rsvd.max`, String(limit), 'skip'),
    write(`${index}`, `hugetlb.${pageSize}.max`, String(limit)),
  ])
}

function compileRdma({ rdma = {} }: LinuxResources): CgroupWrite[] {
  return Object.entries(rdma).map(([device, { hcaHandles, hcaObjects }]) => {
    const handles = hcaHandles === undefined ? '' : ` hca_handle=${hcaHandles}`
    const objects = hcaObjects === undefined ? '' : ` hca_object=${hcaObjects}`
    return {
      file: 'rdma.max',
      value: `${device}${handles}${objects}`,
      controller: 'rdma',
      pointer: childPointer('/linux/resources/rdma', device),
      onMissing: 'fail',
    }
  })
}

function refuseNetwork({ network = {} }: LinuxResources): void {
  const instead = 'match the cgroup with nftables (socket cgroupv2) and set the class or priority there'
  if (isSet(network.classID)) throw notOnV2('network/classID', instead)
  if (network.priorities && network.priorities.length > 0) throw notOnV2('network/priorities', instead)
}
