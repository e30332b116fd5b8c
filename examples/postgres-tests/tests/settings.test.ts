import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startDatabase } from '../database.ts'

const database = await startDatabase(after)

test('the database is empty, whatever other files do', async () => {
  assert.equal(await database.query(`SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`), '0')
})

test('a setting of the whole server disturbs nobody', async () => {
  await database.query(`ALTER SYSTEM SET work_mem = '8MB'`)
  await database.query('SELECT pg_reload_conf()')
  assert.equal(await database.query(`SELECT setting FROM pg_file_settings WHERE name = 'work_mem'`), '8MB')
})
