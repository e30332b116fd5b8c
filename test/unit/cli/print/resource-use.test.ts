import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatUse, type ResourceUse } from '../../../../src/cli/print/resource-use.ts'

const use: ResourceUse = {
  ...{ id: 'a'.repeat(64), name: 'web', cpuPercent: 12.345, memoryBytes: 2 ** 20, memoryLimitBytes: 2 ** 26 },
  ...{ memoryPercent: 1.5625, networkReceivedBytes: 0, networkSentBytes: 1500, pids: 3 },
}

test('a table as wide as it is, or without what matters least', () => {
  const wide = formatUse([use], { trunc: true })
  assert.equal(
    wide,
    'CONTAINER ID   NAME        CPU %       MEM USAGE / LIMIT   MEM %       NET I/O      BLOCK I/O   PIDS\n' +
      'aaaaaaaaaaaa   web         12.35%      1MiB / 64MiB        1.56%       0B / 1.5kB   -- / --     3\n',
  )
  const titles = (columns: number) => formatUse([use], { trunc: true, columns }).split('\n')[0]!.split(/ {2,}/)
  assert.equal(formatUse([use], { trunc: true, columns: 120 }), wide)
  assert.deepEqual(titles(90), ['CONTAINER ID', 'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'MEM %', 'BLOCK I/O', 'PIDS'])
  assert.deepEqual(titles(79), ['CONTAINER ID', 'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'MEM %', 'PIDS'])
  assert.deepEqual(titles(10), ['CONTAINER ID', 'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'PIDS'])
})
