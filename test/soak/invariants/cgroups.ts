import { globSync } from 'node:fs'
import type { Invariant } from './invariant.ts'

export const cgroups: Invariant = {
  name: 'cgroups',
  observe: () => globSync('/sys/fs/cgroup/**/cgroup.procs').map(file => file.replace(/\/cgroup\.procs$/, '')),
}
