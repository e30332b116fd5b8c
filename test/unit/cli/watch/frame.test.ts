import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { describeEnding } from '../../../../src/cli/watch/ending.ts'
import { type WatchedContainer, watchFrame } from '../../../../src/cli/watch/frame.ts'
import { History } from '../../../../src/cli/watch/history.ts'
import { plainColumn, plainHits } from '../../../../src/cli/watch/plain.ts'
import { NOON, sampleOf } from './samples.ts'

const plain = { color: false, ascii: false }
const LAST = NOON + 10_000

/** Ten seconds in which everything comes nearer to its limit. */
function watch(output?: readonly string[]): WatchedContainer {
  const history = new History(1)
  for (let second = 0; second <= 10; second++)
    history.add(
      sampleOf(second, {
        ...{ memoryMiB: 6 * second, usageUsec: 50_000 * second, periods: 10 * second },
        ...{ throttledPeriods: second > 8 ? 5 * (second - 8) : 0, throttledUsec: 100_000 * second },
        ...{ pids: second + 1, refusedForks: second > 9 ? 1 : 0, high: second > 7 ? second - 7 : 0 },
        ...{ writtenBytes: 100_000 * second, waitedUsec: 30_000 * second * second },
      }),
    )
  return { id: 'a'.repeat(64), name: 'box', started: NOON - 60_000, history, interval: 1, output }
}

describe('frameOf', () => {
  it('shows 80 columns and 24 rows', () => {
    assert.deepEqual(watchFrame(watch(['one', 'two']), { columns: 80, rows: 24 }, plain, LAST), FRAME_80)
  })

  it('shows the rows that matter most where there is little room', () => {
    assert.deepEqual(watchFrame(watch(), { columns: 40, rows: 10 }, plain, LAST), FRAME_40)
  })

  it('fits into any terminal, whatever it shows', () => {
    for (let columns = 1; columns <= 200; columns += 13)
      for (let rows = 1; rows <= 60; rows++)
        for (const output of [undefined, ['x'.repeat(300), 'y']])
          for (const style of [plain, { color: true, ascii: false }]) {
            const lines = watchFrame(watch(output), { columns, rows }, style, LAST)
            assert.ok(lines.length <= rows, `${lines.length} of ${rows} lines`)
            for (const line of lines) assert.ok(stripVTControlCharacters(line).length <= Math.max(1, columns - 1), line)
          }
  })

  it('says the same with colours, and in ASCII says nothing else', () => {
    const size = { columns: 100, rows: 40 }
    const colored = watchFrame(watch([]), size, { color: true, ascii: false }, LAST)
    assert.deepEqual(colored.map(stripVTControlCharacters), watchFrame(watch([]), size, plain, LAST))
    assert.ok(colored.some(line => line.includes('\u001B[31m')))
    const ascii = watchFrame(watch([]), size, { color: false, ascii: true }, LAST).join('')
    assert.match(ascii, /^[\x20-\x7e]+$/)
  })

  it('shows nothing but a title before the first sample', () => {
    const watched = { ...watch(), history: new History(1) }
    assert.deepEqual(watchFrame(watched, { columns: 30, rows: 3 }, plain, LAST), [
      'box aaaaaaaaaaaa, up 1 minute',
      '── no events yet ────────────',
    ])
  })
})

it('where lines cannot be drawn over, each column is one, and each event', () => {
  const { history } = watch()
  assert.deepEqual(plainHits([{ kind: 'oom_kill', times: 1 }], LAST), ['12:00:10 oom_kill: a process killed'])
  assert.equal(
    plainColumn(history, LAST),
    '12:00:10 memory 60MiB of 64MiB 94% | cpu 0.05 of 0.50 10% weight 100 | throttled 50% of periods 10/100 1.0s' +
      ' | read 0B/s | write 100kB/s of 1MB/s 10% | pids 11 of 32 34% peak 8 refused 1 | psi mem some 57% full 0%',
  )
})

describe('describeEnding', () => {
  it('says how it ended and what it had of its limits', () => {
    assert.equal(
      describeEnding(watch(), { exitCode: 137, oomKills: 2, memoryPeakBytes: 64 * 1024 * 1024 }, LAST),
      'box ended with exit status 137 (signal 9) after 1 minute: memory peak 64MiB of 64MiB, 2 killed for lack of' +
        ' memory, 0.50 s of CPU time, throttled in 10 of 100 periods, 1 fork refused',
    )
  })

  it('says when it goes on, and when nobody knows', () => {
    const watched = { ...watch(), history: new History(1), started: undefined }
    assert.equal(describeEnding(watched, undefined, LAST), 'box goes on')
    assert.equal(describeEnding(watched, { exitCode: undefined }, LAST), 'box ended, and nobody knows how')
  })
})

const FRAME_80: string[] = [
  'box aaaaaaaaaaaa, up 1 minute                         a column is 1 s, q leaves',
  'memory    60MiB of 64MiB  94%                                       ▁▁▂▃▃▄▅▆▆▇█',
  '          peak 60MiB  high 48MiB  hits: high 3, max 0, oom 0, killed 0  swap 0B',
  '          anon 60MiB  file 0B  kernel 0B  sock 4KiB',
  'cpu       0.05 of 0.50  10%  weight 100                              ▁▁▁▁▁▁▁▁▁▁',
  'throttled 50% of periods  10/100 1.0s                                ▁▁▁▁▁▁▁▁▄▄',
  'read      0B/s                                                       ▁▁▁▁▁▁▁▁▁▁',
  'write     100kB/s of 1MB/s  10%                                      ▁▁▁▁▁▁▁▁▁▁',
  'pids      11 of 32  34%  peak 8  refused 1                          ▁▁▁▁▂▂▂▂▃▃▃',
  'psi mem   some 57%  full 0%                                          ▁▁▂▂▃▃▄▄▅▅',
  '          full 0%                                                    ▁▁▁▁▁▁▁▁▁▁',
  '── events ─────────────────────────────────────────────────────────────────────',
  '12:00:10  memory.high: throttled and reclaimed 3 times, since 12:00:08',
  '12:00:10  pids.max: a fork refused',
  '12:00:10  cpu.max: held back in 10 periods, 200 ms in all, since 12:00:09',
  '── output ─────────────────────────────────────────────────────────────────────',
  'one',
  'two',
]

const FRAME_40: string[] = [
  'box aaaaaaaaaaaa, up 1 minute',
  'memory    60MiB of 64MiB    ▁▁▂▃▃▄▅▆▆▇█',
  '          anon 60MiB  file 0B',
  'cpu       0.05 of 0.50       ▁▁▁▁▁▁▁▁▁▁',
  'throttled 50% of periods     ▁▁▁▁▁▁▁▁▄▄',
  'pids      11 of 32  34%     ▁▁▁▁▂▂▂▂▃▃▃',
  'psi mem   some 57%           ▁▁▂▂▃▃▄▄▅▅',
  '── events, 1 more before ──────────────',
  '12:00:10  pids.max: a fork refused',
  '12:00:10  cpu.max: held back in 10 peri',
]
