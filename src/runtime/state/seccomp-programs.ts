/** Where containers find the compiled seccomp profiles of those before them. */
import { dirname, join } from 'node:path'
import type { ProgramStore } from '../../seccomp/compile.ts'
import { programFiles } from '../../seccomp/program-files.ts'
import { type ContainerRecord, SECCOMP_DIRECTORY } from './record.ts'

/** Beside the directory of the containers where that is utsuwa's own; in the state root of an OCI runtime. */
export function seccompPrograms(stateRoot: string, managed: ContainerRecord['managed']): ProgramStore | undefined {
  return programFiles(managed ? join(dirname(stateRoot), 'seccomp') : join(stateRoot, SECCOMP_DIRECTORY))
}
