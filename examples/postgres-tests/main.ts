/** `node main.ts --image NAME [--parallel N] [FILE…]`: runs test files at the same time, each with a database of its own. */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { parseArgs } from 'node:util'
import { containers } from 'utsuwa'
import { makeTemplate } from './template.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    image: { type: 'string', default: 'postgres' },
    parallel: { type: 'string', default: '4' },
    root: { type: 'string', default: '/var/lib/utsuwa' },
    'run-root': { type: 'string', default: '/run/utsuwa' },
  },
})
const { root, 'run-root': runRoot } = values

const template = await makeTemplate(values.image, { root, runRoot })

// Every file is run by a process of its own, which is where database.ts reads these.
Object.assign(process.env, { POSTGRES_IMAGE: template.reference, UTSUWA_ROOT: root, UTSUWA_RUN_ROOT: runRoot })
const files = positionals.length > 0 ? positionals : globSync(join(import.meta.dirname, 'tests/*.test.ts'))
const tests = run({ files, concurrency: Number(values.parallel) }).once('test:fail', () => {
  process.exitCode = 1
})
await pipeline(tests, new spec(), process.stdout, { end: false })
// The database of a test file that was killed has ended with it; listing containers removes what is left of it.
await containers({ runRoot })
