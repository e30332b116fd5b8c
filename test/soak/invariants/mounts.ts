import { readFileSync } from 'node:fs'
import type { Invariant } from './invariant.ts'

/** Mounts of the machine; those of containers are in namespaces that end with them. */
export const mounts: Invariant = {
  name: 'mounts',
  observe: () =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .trim()
      .split('\n')
      // Without ids, which are given out again, and options.
      .map(line => line.replace(/^\d+ \d+ \S+ (\S+) (\S+) .* - (\S+) (\S+) .*$/, '$3 $4 $1 at $2')),
}
