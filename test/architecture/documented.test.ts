/** What the package exports is documented where it is declared. */
import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { readText } from './source-files.ts'

interface Declaration {
  readonly name: string
  readonly file: string
}

/** Names that a module exports, each with the file that declares it. */
function exportsOf(file: string): Declaration[] {
  const text = readText(file)
  const own = [
    ...text.matchAll(/^export (?:async )?(?:abstract )?(?:function\*?|class|interface|type|const) (\w+)/gm),
  ].map(([, name]) => ({ name: name!, file }))
  const passedOn = [...text.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)'/gm)].flatMap(([, names, target]) =>
    names!
      .split(',')
      .map(name => name.trim().replace(/^type /, ''))
      .filter(name => name !== '')
      .map(name => ({ name, file: join(dirname(file), target!) })),
  )
  return [...own, ...passedOn]
}

/** Whether a comment ends on the line before the declaration. */
function isDocumented({ name, file }: Declaration): boolean {
  const lines = readText(file).split('\n')
  const at = lines.findIndex(line =>
    new RegExp(`^export (?:async )?(?:abstract )?(?:function\\*?|class|interface|type|const) ${name}\\b`).test(line),
  )
  return at > 0 && /^\s*(\*\/|\/\*\*.*\*\/)$/.test(lines[at - 1]!)
}

for (const entry of ['src/index.ts', 'src/testing/index.ts'])
  test(`${entry}: every export has its comment`, () => {
    const exported = exportsOf(entry)
    assert.ok(exported.length > 5)
    assert.deepEqual(
      exported.filter(declaration => !isDocumented(declaration)).map(({ name, file }) => `${name} in ${file}`),
      [],
    )
  })
