/** Reading the project as text: its files, and the imports of a TypeScript file. */
import { globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

export const root = join(import.meta.dirname, '../..')

/** What was built or installed, and git's own: nothing that people write. */
const notOurs = /^(\.git|\.toolchain|\.vagrant|node_modules|build|dist|bin)(\/|$)/

/** Every file of the project below `folder`, named from its root. */
export function projectFiles(folder = '.'): string[] {
  return globSync(join(folder, '**'), { cwd: root, exclude: path => notOurs.test(path) })
    .filter(path => !notOurs.test(path) && statSync(join(root, path)).isFile())
    .sort()
}

export const readText = (file: string): string => readFileSync(join(root, file), 'utf8')

export interface Import {
  file: string
  line: number
  /** A file of the project, from its root, for a relative specifier; otherwise the specifier itself. */
  target: string
  relative: boolean
  typeOnly: boolean
}

const importPattern =
  /^\s*(?:import|export)\s+(type\s)?[^'"`;()]*?from\s*'([^']+)'|^\s*import\s*'([^']+)'|\bimport\('([^']+)'\)/gm

export function importsOf(file: string): Import[] {
  const text = readText(file)
  return [...text.matchAll(importPattern)].map(match => {
    const specifier = match[2] ?? match[3] ?? match[4] ?? ''
    const isRelative = specifier.startsWith('.')
    return {
      file,
      line: text.slice(0, match.index).split('\n').length + (match[0].startsWith('\n') ? 1 : 0),
      target: isRelative ? relative(root, join(root, dirname(file), specifier)) : specifier,
      relative: isRelative,
      typeOnly: match[1] !== undefined,
    }
  })
}

/** Lines of `text` that match, as `file:line: text`. */
export function findLines(file: string, pattern: RegExp): string[] {
  return readText(file)
    .split('\n')
    .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : []))
}
