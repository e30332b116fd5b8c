/** What the launcher does at the `cgroup` barrier when systemd manages cgroups: a scope, then what systemd cannot set. */
import { compileResources } from '../cgroup/limits/limits.ts'
import { annotationProperties } from '../cgroup/systemd/systemd-annotations.ts'
import { limitProperties, type SystemdProperty, scopeProperties } from '../cgroup/systemd/systemd-properties.ts'
import type { SystemdUnit } from '../cgroup/systemd/systemd-unit.ts'
import type { CompileInput } from './compile.ts'
import { compileCgroup } from './host.ts'
import type { Namespaces } from './namespaces.ts'
import type { Operation } from './ops.ts'

export interface ScopePlan {
  readonly unit: SystemdUnit
  readonly properties: readonly SystemdProperty[]
  /**
   * Operations of the host stage, on the scope's cgroup. All limits are among them: systemd rounds some, does not know others, and
   * the kernel's error for one that it refuses would stand in the journal only.
   */
  readonly operations: readonly Operation[]
}

/** Undefined when cgroups are made without systemd. */
export function compileScope(input: CompileInput, namespaces: Namespaces): ScopePlan | undefined {
  const { systemdUnit, spec, id } = input
  if (systemdUnit === undefined) return undefined
  const limits = limitProperties(compileResources(spec.linux?.resources ?? {}))
  return {
    unit: systemdUnit,
    properties: [...scopeProperties(systemdUnit, id, limits), ...annotationProperties(spec.annotations)],
    operations: compileCgroup(input, namespaces, 'accept'),
  }
}
