import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const CPUS = '/sys/devices/system/cpu'

/** Paths of this machine: they do not change while a process runs, but for CPUs that are plugged in. */
let kept: readonly string[] | undefined

/**
 * Paths to mask that depend on the machine's CPUs: counters of how often each was too hot tell when others compute, and
 * what (moby's GHSA-6fw5-f8r9-fgfm).
 */
export function listMaskedHostPaths(): readonly string[] {
  kept ??= listThermalPaths(CPUS)
  return kept
}

/**
 * @param directory of the machine's CPUs in sysfs
 * @returns sorted by the numbers of the CPUs; none where there is no such directory
 */
export function listThermalPaths(directory: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .filter(name => /^cpu\d+$/.test(name))
    .sort((a, b) => Number(a.slice(3)) - Number(b.slice(3)))
    .map(name => join(directory, name, 'thermal_throttle'))
    .filter(path => existsSync(path))
}
