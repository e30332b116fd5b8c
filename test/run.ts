/**
 * Runs the tests: `node test/run.ts check | all | FILE...` and ends with the line `N passed, N failed, N skipped`.
 *
 * `check` needs no root and no kernel feature. `all` adds the tests that launch containers; they and single FILEs below
 * test/integration, test/security and test/conformance run on this machine if it has a pure cgroup v2 hierarchy, and
 * otherwise in the VM of test/vm.
 */
import { globSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fuzzSteps, nativeTestSteps, runSteps, staticSteps } from './runner/commands.ts'
import { runKernelTests } from './runner/kernel.ts'
import { runNodeTests } from './runner/node-tests.ts'
import { printSummary, type Result } from './runner/result.ts'
import { withSecondTry } from './runner/second-try.ts'

const root = join(import.meta.dirname, '..')
const kernelFolders = ['integration', 'security', 'conformance']
const fastFolders = ['architecture', 'unit', 'golden', 'native']

const testFiles = (folders: readonly string[]): string[] =>
  globSync(`test/{${folders.join()}}/**/*.test.ts`, { cwd: root })
    .sort()
    .map(file => join(root, file))

const runFast = (files: readonly string[]): Promise<Result[]> =>
  runNodeTests(files, { concurrency: availableParallelism(), timeout: 30_000 })

async function check(): Promise<Result[]> {
  return [
    ...(await runSteps(staticSteps())),
    ...(await runFast(testFiles(fastFolders))),
    ...(await runSteps([...nativeTestSteps(), ...fuzzSteps()])),
  ]
}

async function runFiles(files: readonly string[]): Promise<Result[]> {
  const needsKernel = (file: string) => kernelFolders.some(folder => file.startsWith(join(root, 'test', folder, '/')))
  const kernel = files.filter(needsKernel)
  const fast = files.filter(file => !needsKernel(file))
  return [
    ...(fast.length > 0 ? await runFast(fast) : []),
    ...(kernel.length > 0 ? await runKernelTests(kernel, { here: results !== undefined }) : []),
  ]
}

const {
  positionals,
  values: { results },
} = parseArgs({
  allowPositionals: true,
  // The runner starts itself in the VM with --results: run here, and write what happened to this file.
  options: { results: { type: 'string' } },
})
if (positionals.length === 0) {
  console.error('usage: node test/run.ts check | all | FILE...')
  process.exit(2)
}

process.chdir(root)
const started = performance.now()
const [what] = positionals
const outcome =
  what === 'check'
    ? await check()
    : what === 'all'
      ? [...(await check()), ...(await withSecondTry(testFiles(kernelFolders)))]
      : await runFiles(positionals.map(file => join(root, file)))

if (results !== undefined) writeFileSync(results, JSON.stringify(outcome))
else process.exitCode = printSummary(outcome, performance.now() - started) ? 0 : 1
