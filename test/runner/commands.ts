/** The steps of `make check` that are one command each: formatter, compiler, native tests, fuzz targets. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { printGroup, type Result } from './result.ts'

interface Step {
  group: string
  name: string
  command: string[]
}

const fuzzSeconds = 10

const listExecutables = (directory: string): string[] =>
  existsSync(directory)
    ? readdirSync(directory, { withFileTypes: true })
        .filter(entry => entry.isFile() && !/\.[od]$/.test(entry.name))
        .map(entry => join(directory, entry.name))
        .sort()
    : []

export const staticSteps = (): Step[] => [
  // --error-on-warnings: a rule that only warns is a rule that nobody keeps.
  { group: 'format and lint', name: 'biome', command: ['.toolchain/bin/biome', 'check', '--error-on-warnings'] },
  { group: 'types', name: 'tsc', command: [process.execPath, 'node_modules/typescript/bin/tsc', '--noEmit'] },
  {
    group: 'types',
    name: 'tsc, for browsers',
    command: [process.execPath, 'node_modules/typescript/bin/tsc', '--noEmit', '-p', 'src/lab/page'],
  },
]

export const nativeTestSteps = (): Step[] =>
  listExecutables('build/sanitized').map(path => ({
    group: 'native tests with sanitizers',
    name: basename(path),
    command: [path],
  }))

/** Mutates inputs for a few seconds, from the seed corpus where there is one; a crash is kept in build/fuzz/findings. */
export const fuzzSteps = (): Step[] =>
  listExecutables('build/fuzz').map(path => {
    const name = basename(path)
    const grown = `build/fuzz/corpus/${name}`
    mkdirSync(grown, { recursive: true })
    mkdirSync('build/fuzz/findings', { recursive: true })
    const seeds = `native/fuzz/corpus/${name}`
    return {
      group: `fuzzing, ${fuzzSeconds} s each`,
      name,
      command: [
        path,
        `-max_total_time=${fuzzSeconds}`,
        '-seed=1',
        '-timeout=5',
        '-print_final_stats=1',
        `-artifact_prefix=build/fuzz/findings/${name}-`,
        grown,
        ...(existsSync(seeds) ? [seeds] : []),
      ],
    }
  })

/** Runs the steps at once and prints each group as it ends. A group without a step is a failure: nothing was tested. */
export async function runSteps(steps: readonly Step[]): Promise<Result[]> {
  const groups = Map.groupBy(steps, step => step.group)
  const results = await Promise.all(
    [...groups].map(async ([group, members]) => {
      const started = performance.now()
      const ended = await Promise.all(members.map(runStep))
      printGroup(group, ended, performance.now() - started)
      return ended
    }),
  )
  return results.flat()
}

async function runStep({ group, name, command: [program = '', ...args] }: Step): Promise<Result> {
  const started = performance.now()
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const { promise: ended, resolve } = Promise.withResolvers<string | undefined>()
  child.on('error', error => resolve(error.message))
  child.on('close', (code, signal) => resolve(code === 0 ? undefined : `ended with ${signal ?? `exit code ${code}`}`))
  const problem = await ended
  const milliseconds = performance.now() - started
  if (problem === undefined) return { group, name, status: 'passed', milliseconds }
  return { group, name, status: 'failed', reason: `${output.slice(-20_000)}\n${problem}`, milliseconds }
}
