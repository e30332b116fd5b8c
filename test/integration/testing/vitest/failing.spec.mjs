/** Run by vitest: tests that fail with a container at hand. */
import { containersOf, withContainers } from 'utsuwa/testing'
import { test as base } from 'vitest'

const { ROOTFS: rootfs, RUN_ROOT: runRoot } = process.env
const sleeper = { rootfs, runRoot, stdio: 'ignore', args: ['sleep', '1000'] }

const test = base.extend({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads from it which fixtures this one needs
  containers: async ({}, use) => withContainers(use),
})

test('with a fixture', async ({ containers }) => {
  await containers.start(sleeper)
  throw new Error('as it should')
})

base('with its context, out of time', { timeout: 500 }, async context => {
  await containersOf(context).start(sleeper)
  await new Promise(() => undefined)
})
