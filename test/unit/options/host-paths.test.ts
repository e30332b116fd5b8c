import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { listThermalPaths } from '../../../src/options/host-paths.ts'

const directory = mkdtempSync(join(tmpdir(), 'utsuwa-cpus-'))
after(() => rmSync(directory, { recursive: true, force: true }))

test('finds the counters of each CPU that has them, in the order of the CPUs', () => {
  for (const path of ['cpu0/thermal_throttle', 'cpu10/thermal_throttle', 'cpu2/thermal_throttle', 'cpu3', 'cpufreq'])
    mkdirSync(join(directory, path), { recursive: true })
  writeFileSync(join(directory, 'online'), '0-10')
  const paths = listThermalPaths(directory)
  assert.deepEqual(
    paths,
    [0, 2, 10].map(cpu => join(directory, `cpu${cpu}/thermal_throttle`)),
  )
})

test('finds nothing where the machine tells of no CPUs', () => {
  assert.deepEqual(listThermalPaths(join(directory, 'none')), [])
})
