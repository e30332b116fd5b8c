import type { Int64, LinuxMemory } from '../../spec/runtime.ts'
import { type CgroupWrite, invalidLimit, isSet, notOnV2, orMax, writer } from './write.ts'

export function compileMemory(memory: LinuxMemory): CgroupWrite[] {
  refuseV1Only(memory)
  for (const member of ['limit', 'reservation', 'swap'] as const) {
    const value = memory[member]
    if (isSet(value) && BigInt(value) < -1n) throw invalidLimit(`memory/${member}`, `memory ${member} is negative`)
  }
  const write = writer('memory', 'memory')
  const swapMax = swapLimit(memory)
  const writes: CgroupWrite[] = []
  if (swapMax !== undefined) writes.push(write('swap', 'memory.swap.max', swapMax))
  if (isSet(memory.limit)) writes.push(write('limit', 'memory.max', orMax(memory.limit)))
  if (isSet(memory.reservation)) writes.push(write('reservation', 'memory.low', orMax(memory.reservation)))
  return writes
}

/** The specification's `swap` is memory and swap together, as on v1; `memory.swap.max` is swap alone. */
function swapLimit({ limit, swap }: LinuxMemory): string | undefined {
  if (!isSet(swap)) {
    // v1 has no swap limit without a memory limit, so who lifts the one means the other, too
    return isSet(limit) && isUnlimited(limit) ? 'max' : undefined
  }
  if (isUnlimited(swap)) return 'max'
  if (!isSet(limit) || isUnlimited(limit)) {
    throw invalidLimit('memory/swap', 'a swap limit needs a memory limit, because it is the sum of both')
  }
  const swapAlone = BigInt(swap) - BigInt(limit)
  if (swapAlone < 0n) {
    throw invalidLimit('memory/swap', `memory and swap together (${swap}) are less than the memory limit (${limit})`)
  }
  return String(swapAlone)
}

function isUnlimited(value: Int64): boolean {
  return BigInt(value) === -1n
}

/** Values that ask for nothing (0, −1, the kernel's default) are let through: engines fill them in. */
function refuseV1Only({ kernel, kernelTCP, swappiness, disableOOMKiller, useHierarchy }: LinuxMemory): void {
  if (isSet(kernel) && !isUnlimited(kernel)) {
    throw notOnV2('memory/kernel', 'memory.max includes kernel memory')
  }
  if (isSet(kernelTCP) && !isUnlimited(kernelTCP)) {
    throw notOnV2('memory/kernelTCP', 'memory.max includes socket buffers')
  }
  if (swappiness !== undefined) {
    throw notOnV2(
      'memory/swappiness',
      'bound swap with memory.swap, or with unified "memory.swap.max" or "memory.swap.high"',
    )
  }
  if (disableOOMKiller === true) {
    throw notOnV2('memory/disableOOMKiller', 'use unified "memory.high", which throttles instead of killing')
  }
  if (useHierarchy === false) {
    throw notOnV2('memory/useHierarchy', 'a limit always includes the children')
  }
}
