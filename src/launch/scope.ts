/** The launcher's part at the `cgroup` barrier. */
import { encodeCgroup } from '../plan/encode.ts'
import type { Operation } from '../plan/ops.ts'
import type { ScopePlan } from '../plan/scope.ts'
import { sys } from '../sys/index.ts'
import { operationError } from './failure.ts'

/**
 * Puts a process into a scope of its own. Resolves when it is there.
 * @throws UtsuwaError; no scope is left then
 */
export async function enterScope({ unit, properties }: ScopePlan, pid: number): Promise<void> {
  // Lazy import, like everything that starts a program.
  const { startScope } = await import('../cgroup/systemd/systemd.ts')
  await startScope(unit, pid, properties)
}

/** What the scope's cgroup needs beyond what systemd does. @throws UtsuwaError for the operation that failed */
export function finishScope({ operations }: ScopePlan): void {
  setUpCgroup(operations)
}

/** Carries out operations of a host stage that concern a cgroup. @throws UtsuwaError for the one that failed */
export function setUpCgroup(operations: readonly Operation[]): void {
  const failure = sys.setUpCgroup(encodeCgroup(operations))
  if (failure !== undefined) throw operationError(operations[failure.index]!, failure.errno, failure.detail)
}
