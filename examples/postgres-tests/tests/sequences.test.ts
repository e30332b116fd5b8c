import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startDatabase } from '../database.ts'

const database = await startDatabase(after)
// The table of another file, with other columns: they never meet.
await database.query('CREATE TABLE items (id serial PRIMARY KEY, title text)')

test('numbers begin with 1', async () => {
  await database.query(`INSERT INTO items (title) VALUES ('first'), ('second')`)
  assert.equal(await database.query('SELECT max(id) FROM items'), '2')
})

test('and go on', async () => {
  await database.query(`INSERT INTO items (title) VALUES ('third')`)
  assert.equal(await database.query(`SELECT id FROM items WHERE title = 'third'`), '3')
})
