/** Run by vitest: every way to have containers that go with their test. */
import { readdirSync } from 'node:fs'
import { create } from 'utsuwa'
import { containersOf, GenericContainer, Wait, withContainers } from 'utsuwa/testing'
import { afterEach, test as base, expect } from 'vitest'

const { ROOTFS: rootfs, RUN_ROOT: runRoot } = process.env
const sleeper = { rootfs, runRoot, stdio: 'ignore', args: ['sleep', '1000'] }
const left = () => readdirSync(`${runRoot}/containers`).length

const test = base.extend({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads from it which fixtures this one needs
  containers: async ({}, use) => withContainers(use),
})

test('by a fixture', async ({ containers }) => {
  await containers.start(sleeper)
  expect(left()).toBe(1)
  const { stdout } = await containers.run({ rootfs, runRoot, args: ['echo', 'hi'] })
  expect(stdout).toBe('hi\n')
})

base('by the context of a test', async context => {
  expect(left()).toBe(0)
  const box = await containersOf(context).start(sleeper)
  expect((await box.exec(['true'], { stdio: 'ignore' })).exitCode).toBe(0)
})

test('by what it takes out of its context', async ({ onTestFinished }) => {
  expect(left()).toBe(0)
  await containersOf({ onTestFinished }).start(sleeper)
})

test('by await using', async () => {
  expect(left()).toBe(0)
  {
    await using box = await create(sleeper)
    await box.start()
    await using generic = await new GenericContainer({ rootfs, runRoot })
      .withCommand(['sh', '-c', 'echo ready; sleep 1000'])
      .withWaitStrategy(Wait.forLogMessage('ready'))
      .start()
    expect([box.id, generic.getId()].length).toBe(left())
  }
  expect(left()).toBe(0)
})

const containers = containersOf(afterEach, sleeper)

test('by afterEach', async () => {
  await containers.start({})
  expect(left()).toBe(1)
})

test('and the next one finds nothing', () => expect(left()).toBe(0))
