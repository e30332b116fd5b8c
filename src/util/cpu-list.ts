/** `0-3,7`, the kernel's format for lists of CPUs and memory nodes (cpuset(7), "List format"). */

/** @returns a little-endian bit mask of whole 64-bit words, as sched_setaffinity(2) takes it */
export function cpuBitmap(list: string): Uint8Array {
  const numbers = list.split(',').flatMap(part => {
    const [first = 0, last = first] = part.split('-').map(Number)
    return Array.from({ length: Math.max(last - first + 1, 0) }, (_, index) => first + index)
  })
  const mask = new Uint8Array((Math.floor(Math.max(0, ...numbers) / 64) + 1) * 8)
  for (const number of numbers) mask[number >> 3]! |= 1 << (number & 7)
  return mask
}
