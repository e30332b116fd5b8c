/** The tables of docs/conformance.md, docs/registries.md and SECURITY.md name code and tests that exist. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { projectFiles, readText } from './source-files.ts'

interface Row {
  /** `docs/conformance.md:12` */
  readonly line: string
  readonly rule: string
  readonly code: string
  readonly tests: string
}

const rowsOf = (document: string): Row[] =>
  readText(document)
    .split('\n')
    .flatMap((text, index) => {
      const cells = /^\| (.*?) \| (.*?) \| ?(.*?) ?\|$/.exec(text)
      if (cells === null || cells[1] === 'Rule' || cells[1] === 'Attack') return []
      return [{ line: `${document}:${index + 1}`, rule: cells[1]!, code: cells[2]!, tests: cells[3]! }]
    })

const rows = ['docs/conformance.md', 'docs/registries.md', 'SECURITY.md'].flatMap(rowsOf)
const files = new Set(projectFiles())

/** Fails with all that is wrong at once, each with its line. */
function assertNone(wrong: readonly string[]): void {
  assert.deepEqual(wrong, [])
}

/** Names of the tests in a file, as patterns: a template stands for all that it may become. */
function testNames(file: string): RegExp[] {
  const calls = /\b(?:test|it|describe)\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g
  return [...readText(file).matchAll(calls)].map(([, single, double, template]) => {
    const name = (single ?? double ?? template ?? '').replaceAll(/\\(.)/g, '$1')
    const parts = template === undefined ? [name] : name.split(/\$\{[^}]*\}/)
    return new RegExp(`^${parts.map(part => RegExp.escape(part)).join('.+')}$`)
  })
}

/** Whether a file declares a function, constant, class or type of this name. */
function declares(file: string, symbol: string): boolean {
  const text = readText(file)
  return file.endsWith('.c')
    ? new RegExp(`^(?:static )?[\\w ]+[ *]${symbol}\\(`, 'm').test(text)
    : new RegExp(`^(?:export )?(?:async )?(?:function\\*?|const|class|interface|type) ${symbol}\\b`, 'm').test(text)
}

test('the table has rows, and each says where its rule is kept, whose it is, or why it is not', () => {
  assert.ok(rows.length > 190, `${rows.length} rows`)
  assertNone(
    rows
      .filter(({ code }) => !/`[\w/.-]+#\w+`|^for bundle authors|^not implemented: .+|^nothing here/.test(code))
      .map(({ line, rule }) => `${line}: ${rule}`),
  )
})

test('the code that it names exists', () => {
  assertNone(
    rows.flatMap(({ line, code }) =>
      [...code.matchAll(/`([\w/.-]+)(?:#(\w+))?`/g)]
        .filter(([, file = '']) => file.includes('/') && /\.(?:ts|c)$/.test(file))
        .filter(([, file = '', symbol = '']) => !files.has(file) || !declares(file, symbol))
        .map(([name]) => `${line}: ${name}`),
    ),
  )
})

test('the tests that it names exist', () => {
  assertNone(
    rows.flatMap(({ line, tests }) =>
      [...tests.matchAll(/`([^`]+\.test\.ts)` “([^”]+)”/g)]
        .filter(([, file = '', name = '']) => {
          const path = `test/${file}`
          return !files.has(path) || !testNames(path).some(pattern => pattern.test(name))
        })
        .map(([, file, name]) => `${line}: ${file} “${name}”`),
    ),
  )
})

test('no cell of tests says anything else', () => {
  assertNone(
    rows
      .filter(({ tests }) => tests.replaceAll(/`[^`]+\.test\.ts` “[^”]+”(?:<br>)?/g, '').trim() !== '')
      .map(({ line }) => line),
  )
})

test('every test of an attack has a row in SECURITY.md', () => {
  const named = rowsOf('SECURITY.md').flatMap(({ tests }) => [...tests.matchAll(/`([^`]+)`/g)].map(([, file]) => file))
  const all = projectFiles('test/security').filter(file => file.endsWith('.test.ts'))
  assertNone(all.filter(file => !named.includes(file.slice('test/'.length))))
})

test('every test of an attack says how it was seen to fail', () => {
  const all = projectFiles('test/security').filter(file => file.endsWith('.test.ts'))
  assertNone(all.filter(file => !/^ \* Seen to fail/m.test(readText(file))))
})
