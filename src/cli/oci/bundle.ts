/** The bundle that `create` and `run` are given. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { UtsuwaError } from '../../errors.ts'
import { parseJson } from '../../spec/json.ts'
import { parseRuntimeSpec, type RuntimeSpec } from '../../spec/runtime.ts'
import { errnoOf, isErrno } from '../../util/errno.ts'

export interface Bundle {
  /** Absolute host path. */
  readonly path: string
  readonly spec: RuntimeSpec
}

const CONFIG_FILE = 'config.json'

/** @throws UtsuwaError BUNDLE_NOT_FOUND; INVALID_SPEC, with the place in config.json */
export function readBundle(directory: string): Bundle {
  const path = resolve(directory)
  return { path, spec: parseRuntimeSpec(parseJson(readConfig(join(path, CONFIG_FILE)), CONFIG_FILE)) }
}

function readConfig(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const errno = errnoOf(cause)
    const missing = isErrno(cause, 'ENOENT') || isErrno(cause, 'ENOTDIR')
    throw new UtsuwaError('BUNDLE_NOT_FOUND', missing ? `JSON specification file ${path} not found` : undefined, {
      operation: 'read bundle',
      path,
      cause,
      ...(missing || errno === undefined ? {} : { errno }),
    })
  }
}
