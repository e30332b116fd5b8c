import { statfsSync } from 'node:fs'
import type { Invariant } from './invariant.ts'

const SLACK_KIB = 512

const usedKib = (path: string): number => {
  const { blocks, bfree, bsize } = statfsSync(path)
  return ((blocks - bfree) * bsize) / 1024
}

/** Room taken on the disks, which tells also of files that have no name any more and are open. */
export const space: Invariant = {
  name: 'space',
  observe: ({ storeDisk, runDisk }) => [storeDisk, runDisk].map(path => `${usedKib(path)} KiB used on ${path}`),
  differences: (before, now) =>
    now.flatMap((line, index) =>
      Number.parseInt(line, 10) - Number.parseInt(before[index] ?? '', 10) > SLACK_KIB
        ? [`${line}; before: ${before[index]}`]
        : [],
    ),
}
