/**
 * All benchmarks on one page: `node bench/main.ts [--rounds N] [--out DIRECTORY] [IMAGE…]` writes README.md and its charts
 * there (default build/bench). `--rounds` is that of the starts; of the pulls, which take minutes each, there are 3. The
 * other options are those of start/main.ts and pull/main.ts.
 */
import { execFileSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const PULL_ROUNDS = 3

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '20' },
    out: { type: 'string', default: join(import.meta.dirname, '../build/bench') },
    starts: { type: 'string' },
    alive: { type: 'string' },
    peers: { type: 'string' },
    stores: { type: 'string' },
  },
})
const given = (...names: ('starts' | 'alive' | 'peers' | 'stores')[]): string[] =>
  names.flatMap(name => (values[name] === undefined ? [] : [`--${name}`, values[name]]))

run('start/main.ts', '--rounds', values.rounds, '--out', values.out, ...given('starts', 'alive', 'peers'))
const pullRounds = String(Math.min(PULL_ROUNDS, Number(values.rounds)))
const pulls = run('pull/main.ts', '--rounds', pullRounds, ...given('stores'), ...positionals)
appendFileSync(join(values.out, 'README.md'), `\n# Pulls\n\n${pulls}`)

function run(script: string, ...args: string[]): string {
  const words = [join(import.meta.dirname, script), ...args]
  return execFileSync(process.execPath, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}
