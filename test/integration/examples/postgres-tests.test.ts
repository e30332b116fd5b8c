/** examples/postgres-tests: test files at the same time, each with a PostgreSQL of its own. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { postgresRoot } from '../../support/debian-root.ts'
import { children } from '../lifecycle/support.ts'
import { ExampleSite } from './support.ts'

const site = new ExampleSite()
const changes = ['ENV PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin']
before(async () => site.importImage(await postgresRoot(), 'postgres', changes))
after(() => site[Symbol.dispose]())

const run = (...args: string[]) => site.run('postgres-tests/main.ts', ['--parallel', '3', ...args])

test('its test files pass, side by side, and leave no container', async () => {
  const { status, stdout, stderr } = await run()
  assert.equal(status, 0, stdout + stderr)
  assert.match(stdout, /pass 6\b/)
  site.assertNoContainers()
  assert.deepEqual(children(), [])
})

test('a test file that fails, or does not come to its end, fails the run and leaves no container either', async () => {
  const start = `
    import { after, test } from 'node:test'
    import { startDatabase } from '${join(import.meta.dirname, '../../../examples/postgres-tests/database.ts')}'
    const database = await startDatabase(after)`
  writeFileSync(site.path('fails.test.ts'), `${start}\ntest('asks', () => database.query('SELECT no_such_column'))`)
  writeFileSync(site.path('killed.test.ts'), `${start}\ntest('dies', () => process.kill(process.pid, 'SIGKILL'))`)
  const { status, stdout } = await run(site.path('fails.test.ts'), site.path('killed.test.ts'))
  assert.equal(status, 1, stdout)
  assert.match(stdout, /column "no_such_column" does not exist/)
  assert.match(stdout, /fail 2\b/)
  site.assertNoContainers()
})
