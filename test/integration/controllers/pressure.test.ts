/** The example examples/lab/pressure.yaml, on a kernel that measures pressure. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parse } from 'yaml'
import { type ExperimentInput, lab } from '../../../src/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())

test('pressure tells of too little memory when nobody is killed', async () => {
  const file = join(import.meta.dirname, '../../../examples/lab/pressure.yaml')
  const { image: _, ...example } = parse(readFileSync(file, 'utf8')) as ExperimentInput
  const { rootfs, runRoot } = sandbox
  const { runs } = await lab.run({ rootfs, ...example, env: { ROUNDS: 1 } }, { runRoot })
  const [wide, narrow] = runs.map(({ containers }) => containers.main!)
  assert.deepEqual([wide!.exit, narrow!.exit], ['exit 0', 'exit 0'], narrow!.output)
  assert.ok((narrow!.metrics['memory-pressure'] as number) > (wide!.metrics['memory-pressure'] as number))
  // Neither was near its memory.max.
  for (const { metrics } of [wide!, narrow!]) assert.ok((metrics.peak as number) < 80 * 2 ** 20, `${metrics.peak}`)
})
