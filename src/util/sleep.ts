/** @param milliseconds at least. Without `node:timers/promises`, which takes a cold start several milliseconds to load. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}
