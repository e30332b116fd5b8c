/** Packages that single tests need, installed once and kept outside the checkout. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { testCache } from './debian-root.ts'

/**
 * Directory `node_modules` with what the package-lock.json of a directory beside this file names: `vitest`,
 * `node-versions`. The first call needs a network.
 */
export async function npmPackages(name: 'vitest' | 'node-versions'): Promise<string> {
  const source = join(import.meta.dirname, name)
  const lock = readFileSync(join(source, 'package-lock.json'))
  const directory = join(testCache, `${name}-${createHash('sha256').update(lock).digest('hex').slice(0, 12)}`)
  const modules = join(directory, 'node_modules')
  if (existsSync(modules)) return modules
  const partial = `${directory}.${process.pid}`
  mkdirSync(partial, { recursive: true })
  try {
    for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(source, file), join(partial, file))
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    await promisify(execFile)('npm', ['ci', ...flags], { cwd: partial, timeout: 600_000 })
    // Two that start together end with one and the same.
    if (!existsSync(directory)) renameSync(partial, directory)
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
  return modules
}
