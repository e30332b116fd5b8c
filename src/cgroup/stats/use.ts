/** What statistics in the form of cgroup v1, which engines know, need beside those of stats.ts. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isErrno } from '../../util/errno.ts'
import { parseFlatKeyed } from './stats.ts'

export interface HugepageUse {
  readonly currentBytes: number
  /** How often the limit was hit. */
  readonly failures: number
}

/** Memory by kind, and the limits beside what is used. */
export interface CgroupUse {
  /** undefined: no limit, or no such controller. */
  readonly memoryMaxBytes: bigint | undefined
  readonly swapMaxBytes: bigint | undefined
  readonly pidsMax: bigint | undefined
  /** memory.stat as it is. */
  readonly memoryStat: ReadonlyMap<string, number>
  /** By page size: `2MB`. */
  readonly hugepages: ReadonlyMap<string, HugepageUse>
}

/** @param directoryHostPath of the cgroup; one that was removed has nothing */
export function readCgroupUse(directoryHostPath: string): CgroupUse {
  const read = (file: string): string => readIfThere(join(directoryHostPath, file))
  return {
    memoryMaxBytes: limit(read('memory.max')),
    swapMaxBytes: limit(read('memory.swap.max')),
    pidsMax: limit(read('pids.max')),
    memoryStat: parseFlatKeyed(read('memory.stat')),
    hugepages: new Map(
      pageSizes(directoryHostPath).map(size => [
        size,
        {
          currentBytes: Number(read(`hugetlb.${size}.current`)),
          failures: parseFlatKeyed(read(`hugetlb.${size}.events`)).get('max') ?? 0,
        },
      ]),
    ),
  }
}

function limit(text: string): bigint | undefined {
  return text === '' || text === 'max\n' ? undefined : BigInt(text)
}

function pageSizes(directory: string): string[] {
  try {
    return readdirSync(directory).flatMap(name => /^hugetlb\.(\w+)\.current$/.exec(name)?.[1] ?? [])
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENODEV')) return ''
    throw error
  }
}
