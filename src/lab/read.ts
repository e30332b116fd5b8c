/** An experiment in a file: YAML, or a module whose default export it is. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { UtsuwaError } from '../errors.ts'
import { errnoOf } from '../util/errno.ts'
import { checkExperiment } from './check.ts'
import type { Path } from './checked.ts'
import type { Experiment } from './experiment.ts'

/** @throws UtsuwaError INVALID_ARGUMENT with file, line and key */
export function readExperiment(file: string): Experiment {
  const path = resolve(file)
  const text = readText(path, file)
  return /\.[cm]?[jt]s$/.test(file) ? readModule(path, file, text) : parseExperiment(text, file)
}

/** By `require`, since `import()` is one of those things that a script with a code cache cannot do; it reads both kinds. */
function readModule(path: string, file: string, text: string): Experiment {
  const { createRequire } = process.getBuiltinModule('node:module')
  let module: { readonly default?: unknown }
  try {
    module = createRequire(path)(path)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new UtsuwaError('INVALID_ARGUMENT', reason, { operation: `read experiment ${file}`, path: file, cause })
  }
  return checkExperiment(module.default ?? module, { file, directory: dirname(path), text })
}

/**
 * @param text YAML
 * @param file where it stands, for messages, and for paths in it, which are relative to its directory
 */
export function parseExperiment(text: string, file: string): Experiment {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [error] = document.errors
  if (error !== undefined)
    throw new UtsuwaError('INVALID_ARGUMENT', `line ${lines.linePos(error.pos[0]).line}: ${error.message}`, {
      operation: `read experiment ${file}`,
      path: file,
    })
  return checkExperiment(document.toJS(), {
    file,
    directory: dirname(resolve(file)),
    text,
    lineOf: path => {
      const offset = offsetOf(document, path)
      return offset === undefined ? undefined : lines.linePos(offset).line
    },
  })
}

/** Position of the key, or of the item of a list; of what holds it, where it is missing. */
function offsetOf(document: Document.Parsed, path: Path): number | undefined {
  let node: unknown = document.contents
  let offset = (node as Node | null)?.range?.[0]
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
      if (pair === undefined) break
      offset = (pair.key as Node).range?.[0]
      node = pair.value
    } else if (isSeq(node)) {
      node = node.items[Number(step)]
      offset = (node as Node | undefined)?.range?.[0] ?? offset
    } else break
  }
  return offset
}

function readText(path: string, file: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const errno = errnoOf(cause)
    throw new UtsuwaError('INVALID_ARGUMENT', undefined, {
      operation: `read experiment ${file}`,
      path: file,
      errno,
      cause,
    })
  }
}
