import { UtsuwaError } from '../../errors.ts'
import { childPointer } from '../../spec/pointer.ts'
import type { CgroupWrite } from './write.ts'

/** Files of cgroup itself that move, stop or kill processes, or change what the runtime relies on: no limits. */
const RESERVED = new Set(
  ['procs', 'threads', 'kill', 'freeze', 'type', 'subtree_control'].map(name => `cgroup.${name}`),
)

/**
 * `unified`: text for cgroup v2 files by name. A file like io.max takes one device a write, so each line is one.
 *
 * @throws UtsuwaError INVALID_SPEC for a name that is no file of a cgroup, or one that is not a limit
 */
export function compileUnified(unified: Readonly<Record<string, string>>): CgroupWrite[] {
  return Object.entries(unified).flatMap(([file, text]) => {
    const pointer = childPointer('/linux/resources/unified', file)
    const prefix = /^([a-z_]+)\.[\w.-]+$/.exec(file)?.[1]
    if (prefix === undefined || file.includes('..')) {
      throw new UtsuwaError('INVALID_SPEC', `${JSON.stringify(file)} is not the name of a cgroup file`, {
        configPointer: pointer,
      })
    }
    if (RESERVED.has(file)) {
      throw new UtsuwaError('INVALID_SPEC', `${file} is not a limit`, { configPointer: pointer })
    }
    const controller = prefix === 'cgroup' ? {} : { controller: prefix }
    const lines = text.split('\n').filter(line => line !== '')
    return lines.map(value => ({ file, value, ...controller, pointer, onMissing: 'fail' as const }))
  })
}
