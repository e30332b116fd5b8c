import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UtsuwaError } from '../../errors.ts'
import * as runtime from '../../runtime/index.ts'
import { errnoOf, isErrno } from '../../util/errno.ts'
import { defineCommand } from './command.ts'
import { defaultBundleSpec } from './default-spec.ts'

export const command = defineCommand({
  summary: 'write a config.json to start from',
  usage: '',
  arguments: [0, 0],
  flags: {
    bundle: { short: 'b', value: 'DIR', help: 'where to write it; default: the current directory' },
    rootless: { help: 'for a user without privileges' },
  },
  async run({ bundle = '.', rootless }) {
    const text = JSON.stringify(
      defaultBundleSpec({
        cgroupNamespace: runtime.readCgroupHierarchy().mode === 'unified',
        ...(rootless ? { rootless: { uid: process.geteuid!(), gid: process.getegid!() } } : {}),
      }),
      undefined,
      '\t',
    )
    writeNew(join(bundle, 'config.json'), `${text}\n`)
    return 0
  },
})

/** Somebody's config.json is not to be overwritten. */
function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o666 })
  } catch (cause) {
    const errno = errnoOf(cause)
    const exists = isErrno(cause, 'EEXIST')
    throw new UtsuwaError('INVALID_ARGUMENT', exists ? 'file config.json exists; remove it first' : undefined, {
      operation: `write ${path}`,
      path,
      cause,
      ...(exists || errno === undefined ? {} : { errno }),
    })
  }
}
