/** All that must be as it was. */
import { cgroups } from './cgroups.ts'
import { firewall } from './firewall.ts'
import type { Invariant } from './invariant.ts'
import { links } from './links.ts'
import { locks } from './locks.ts'
import { mounts } from './mounts.ts'
import { namespaces } from './namespaces.ts'
import { processes } from './processes.ts'
import { runRoot } from './run-root.ts'
import { space } from './space.ts'
import { store } from './store.ts'

export const invariants: readonly Invariant[] = [
  mounts,
  processes,
  namespaces,
  cgroups,
  links,
  firewall,
  runRoot,
  store,
  space,
  locks,
]
