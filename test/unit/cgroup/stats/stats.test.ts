import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  parseCpuStat,
  parseIoStat,
  parseMemoryEvents,
  parsePressure,
  readCgroupStats,
} from '../../../../src/cgroup/stats/stats.ts'

const MEMORY_EVENTS = 'low 0\nhigh 3\nmax 41\noom 2\noom_kill 1\noom_group_kill 0\n'
const CPU_STAT =
  'usage_usec 2500\nuser_usec 2000\nsystem_usec 500\nnice_usec 0\nnr_periods 10\nnr_throttled 4\nthrottled_usec 900\nnr_bursts 0\nburst_usec 0\n'
const PRESSURE = 'some avg10=1.50 avg60=0.25 avg300=0.00 total=12345\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=99\n'

test('parses memory.events', () => {
  assert.deepEqual(parseMemoryEvents(MEMORY_EVENTS), { low: 0, high: 3, max: 41, oom: 2, oomKill: 1, oomGroupKill: 0 })
})

test('parses cpu.stat, also without the cpu controller', () => {
  assert.deepEqual(parseCpuStat(CPU_STAT), {
    usageUsec: 2500,
    userUsec: 2000,
    systemUsec: 500,
    periods: 10,
    throttledPeriods: 4,
    throttledUsec: 900,
    bursts: 0,
    burstUsec: 0,
  })
  assert.equal(parseCpuStat('usage_usec 1\nuser_usec 1\nsystem_usec 0\n').throttledUsec, 0)
})

test('parses io.stat', () => {
  assert.deepEqual(
    parseIoStat(
      '8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n253:0 rbytes=1 wbytes=2 rios=3 wios=4\n8:0 \n',
    ),
    [
      { major: 8, minor: 16, readBytes: 1459200, writtenBytes: 314773504, reads: 192, writes: 353 },
      { major: 253, minor: 0, readBytes: 1, writtenBytes: 2, reads: 3, writes: 4 },
      { major: 8, minor: 0, readBytes: 0, writtenBytes: 0, reads: 0, writes: 0 },
    ],
  )
})

test('parses pressure', () => {
  assert.deepEqual(parsePressure(PRESSURE), {
    some: { avg10: 1.5, avg60: 0.25, avg300: 0, totalUsec: 12345 },
    full: { avg10: 0, avg60: 0, avg300: 0, totalUsec: 99 },
  })
  assert.equal(parsePressure(PRESSURE.split('\n')[0]!)?.full, undefined)
  assert.equal(parsePressure(''), undefined)
})

test('reads what a cgroup has', () => {
  const directory = mkdtempSync(join(tmpdir(), 'utsuwa-stats-'))
  const put = (files: Record<string, string>) => {
    for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text)
  }
  try {
    assert.deepEqual(readCgroupStats(directory), { pressure: {} })
    put({ 'memory.events': MEMORY_EVENTS, 'memory.current': '4096\n', 'memory.peak': '8192\n', 'pids.current': '2\n' })
    put({ 'pids.events': 'max 7\n', 'cpu.stat': CPU_STAT, 'memory.pressure': PRESSURE, 'io.stat': '' })
    const { memory, cpu, pids, io, pressure } = readCgroupStats(directory)
    assert.deepEqual(memory, { currentBytes: 4096, peakBytes: 8192, events: parseMemoryEvents(MEMORY_EVENTS) })
    assert.deepEqual(pids, { current: 2, refusedForks: 7 })
    assert.deepEqual(cpu, parseCpuStat(CPU_STAT))
    assert.deepEqual(io, [])
    assert.deepEqual(pressure, { memory: parsePressure(PRESSURE) })
  } finally {
    rmSync(directory, { recursive: true })
  }
})
