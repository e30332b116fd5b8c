/** Reading a bundle: a directory with `config.json` (runtime-spec, bundle.md). */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import { parseJson } from '../spec/json.ts'
import { parseRuntimeSpec, type RuntimeSpec } from '../spec/runtime.ts'
import { errnoOf, isErrno } from '../util/errno.ts'

export interface Bundle {
  /** Absolute host path. */
  readonly path: string
  readonly spec: RuntimeSpec
}

/** @throws UtsuwaError BUNDLE_NOT_FOUND; INVALID_SPEC with the place in the text or the JSON pointer */
export function readBundle(directory: string): Bundle {
  const path = resolve(directory)
  const file = join(path, 'config.json')
  return { path, spec: parseRuntimeSpec(parseJson(readText(file), file)) }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const errno = errnoOf(cause)
    const missing = isErrno(cause, 'ENOENT') || isErrno(cause, 'ENOTDIR')
    throw new UtsuwaError(missing ? 'BUNDLE_NOT_FOUND' : 'INVALID_SPEC', undefined, {
      operation: `open ${file}`,
      path: file,
      errno,
      ...(missing ? { hint: 'a bundle is a directory with config.json; `utsuwa-oci spec` writes one' } : {}),
      cause,
    })
  }
}
