/** Where the containers of a state root find the compiled seccomp profiles of those before them. */
import { join } from 'node:path'
import type { ProgramStore } from '../seccomp/compile.ts'
import { programFiles } from '../seccomp/program-files.ts'
import { SECCOMP_DIRECTORY } from './record.ts'

export function seccompPrograms(stateRoot: string): ProgramStore | undefined {
  return programFiles(join(stateRoot, SECCOMP_DIRECTORY))
}
