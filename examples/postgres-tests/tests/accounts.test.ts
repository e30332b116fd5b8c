import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startDatabase } from '../database.ts'

const database = await startDatabase(after)
await database.query(`
  CREATE TABLE items (name text PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0));
  INSERT INTO items VALUES ('alice', 100), ('bob', 0)`)

const transfer = (amount: number) =>
  database.query(`BEGIN;
    UPDATE items SET balance = balance + ${amount} WHERE name = 'bob';
    UPDATE items SET balance = balance - ${amount} WHERE name = 'alice';
    COMMIT`)

test('money moves', async () => {
  await transfer(30)
  assert.equal(await database.query('SELECT * FROM items ORDER BY name'), 'alice|70\nbob|30')
})

test('and none of it when there is too little', async () => {
  await assert.rejects(transfer(1000), /violates check constraint/)
  assert.equal(await database.query('SELECT sum(balance) FROM items'), '100')
})
