/** Records for tests that need no container. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ContainerRecord, emptyRecord } from '../../../../src/runtime/state/record.ts'

export function temporaryDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'utsuwa-lifecycle-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export function recordOf(id: string, parts: Partial<ContainerRecord> = {}): ContainerRecord {
  return {
    ...emptyRecord(id, { name: undefined, image: undefined, command: [], storeRoot: undefined, removeOnExit: false }),
    ...parts,
  }
}
