/** The launcher's part at the `cgroup` barrier. */
import { encodeCgroup } from '../plan/encode.ts'
import type { ScopePlan } from '../plan/scope.ts'
import { sys } from '../sys/index.ts'
import { operationError } from './failure.ts'

/**
 * Puts a process into a scope of its own. Resolves when it is there.
 * @throws UtsuwaError; no scope is left then
 */
export async function enterScope({ unit, properties }: ScopePlan, pid: number): Promise<void> {
  // Loaded when needed, like everything that starts a program.
  const { startScope } = await import('../cgroup/systemd.ts')
  await startScope(unit, pid, properties)
}

/** What the scope's cgroup needs beyond what systemd does. @throws UtsuwaError for the operation that failed */
export function finishScope(scope: ScopePlan): void {
  const failure = sys.setUpCgroup(encodeCgroup(scope.operations))
  if (failure !== undefined) throw operationError(scope.operations[failure.index]!, failure.errno, failure.detail)
}
