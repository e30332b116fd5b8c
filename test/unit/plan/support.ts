/** A runtime spec to change one thing of, and the operations that come of it. */
import assert from 'node:assert/strict'
import { UtsuwaError, type UtsuwaErrorCode } from '../../../src/errors.ts'
import { type CompiledPlan, type CompileInput, compile } from '../../../src/plan/compile.ts'
import type { Operation, OperationName, OperationOf, Plan } from '../../../src/plan/ops.ts'
import type { Linux, Process, RuntimeSpec } from '../../../src/spec/runtime.ts'

interface SpecParts extends Omit<Partial<RuntimeSpec>, 'process'> {
  process?: Partial<Process>
}

/** The least that can be planned, with `parts` in it. */
export function minimalSpec({ process, linux, ...parts }: SpecParts = {}): RuntimeSpec {
  return {
    ociVersion: '1.3.0',
    root: { path: 'rootfs' },
    process: { args: ['/bin/true'], cwd: '/', user: { uid: 0, gid: 0 }, ...process },
    linux: { namespaces: [{ type: 'mount' }], ...linux },
    ...parts,
  }
}

export function withLinux(linux: Linux): RuntimeSpec {
  return minimalSpec({ linux })
}

export function planOf(spec: RuntimeSpec, input: Partial<CompileInput> = {}): CompiledPlan {
  return compile({
    id: 'box',
    spec,
    bundlePath: '/bundle',
    host: { cgroupMount: '/sys/fs/cgroup', cgroupControllers: ['cpu', 'memory', 'pids', 'rdma'] },
    cgroupPath: undefined,
    gate: 'report',
    ...input,
  })
}

export function names(operations: readonly Operation[]): string[] {
  return operations.map(({ op }) => op)
}

/** The operations of one kind, from all stages. */
export function only<Name extends OperationName>(plan: Plan, name: Name): OperationOf<Name>[] {
  return [...plan.host, ...plan.join, ...plan.init].filter(
    (operation): operation is Operation & OperationOf<Name> => operation.op === name,
  )
}

export function assertRefused(
  spec: RuntimeSpec,
  { code, pointer, message }: { code: UtsuwaErrorCode; pointer: string; message: RegExp },
  input: Partial<CompileInput> = {},
): void {
  assert.throws(
    () => planOf(spec, input),
    (error: unknown) => {
      assert.ok(error instanceof UtsuwaError, String(error))
      assert.equal(error.code, code)
      assert.equal(error.configPointer, pointer)
      assert.match(error.message, message)
      return true
    },
  )
}
