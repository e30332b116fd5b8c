import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { JsonProgress, PlainProgress, TerminalProgress } from '../../../../src/cli/progress/display.ts'
import { describePull, progressFrame } from '../../../../src/cli/progress/frame.ts'
import { PullState, Rate } from '../../../../src/cli/progress/state.ts'
import type { PullProgress } from '../../../../src/index.ts'
import { parseDigest } from '../../../../src/spec/digest.ts'

const digest = (digit: string) => parseDigest(`sha256:${digit.repeat(64)}`)
const [a, b, c] = [digest('a'), digest('b'), digest('c')]
const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip'
const resolved = (...layers: [ReturnType<typeof digest>, number][]): PullProgress => ({
  kind: 'resolved',
  reference: 'localhost/a:1',
  digest: digest('f'),
  layers: layers.map(([digest, size]) => ({ mediaType, digest, size })),
})

/** The state after these events, half a second apart. */
function stateAfter(...events: PullProgress[]): { state: PullState; now: number } {
  const state = new PullState()
  let now = 0
  for (const event of events) {
    now += 500
    state.update(event, now)
  }
  return { state, now }
}

describe('PullState', () => {
  it('shows a layer by what keeps it from being done', () => {
    const state = new PullState()
    state.update(resolved([a, 100], [b, 10]), 0)
    const steps: [PullProgress, string][] = [
      [{ kind: 'downloading', digest: a, current: 10, total: 100 }, 'downloading'],
      [{ kind: 'unpacking', digest: a }, 'downloading'],
      [{ kind: 'verifying', digest: a }, 'verifying'],
      [{ kind: 'downloaded', digest: a }, 'unpacking'],
      [{ kind: 'unpacked', digest: a }, 'done'],
    ]
    for (const [event, expected] of steps) {
      state.update(event, 0)
      assert.equal(state.layers[0]!.state, expected)
    }
    assert.deepEqual([state.layers[1]!.state, state.done], ['waiting', 1])
    state.update({ kind: 'present', digest: b }, 0)
    assert.deepEqual([state.layers[1]!.state, state.done], ['already here', 2])
  })

  it('counts a layer once that an image has twice', () => {
    const { state } = stateAfter(resolved([a, 1], [b, 1], [a, 1]))
    assert.equal(state.layers.length, 2)
  })
})

describe('describePull', () => {
  it('tells how many pulls the registry still allows', () => {
    const event = { ...resolved([a, 1]), rateLimit: { limit: 100, remaining: 76, window: 21600 } }
    const text = describePull(stateAfter(event).state)
    assert.equal(text, `localhost/a:1: 1 layer, 76 of 100 pulls in 6 hours are left, ${digest('f')}`)
  })
})

describe('Rate', () => {
  it('is that of the last seconds', () => {
    const rate = new Rate()
    assert.equal(rate.at(0), undefined)
    for (let time = 0; time <= 10_000; time += 50)
      rate.add(time < 5000 ? time * 100 : 500_000 + (time - 5000) * 2, time)
    assert.ok(Math.abs(rate.at(10_000)! - 2000) < 100, `${rate.at(10_000)}`)
    assert.ok(rate.at(12_000)! < 1500, 'what stalls slows down')
  })
})

describe('frameOf', () => {
  const events: PullProgress[] = [
    resolved([a, 40_000_000], [b, 2_000_000], [c, 1000]),
    { kind: 'downloading', digest: a, current: 10_000_000, total: 40_000_000 },
    { kind: 'downloading', digest: a, current: 20_000_000, total: 40_000_000 },
    { kind: 'present', digest: b },
  ]

  it('has a line for each layer and a total', () => {
    const { state, now } = stateAfter(...events)
    const lines = progressFrame(state, { columns: 100, rows: 24 }, now, false)
    assert.deepEqual(lines, [
      `localhost/a:1: 3 layers, ${digest('f')}`,
      `aaaaaaaaaaaa downloading  [${'='.repeat(19)}>${' '.repeat(18)}]      20MB / 40MB      10MB/s`,
      `bbbbbbbbbbbb already here ${' '.repeat(40)}              2MB`,
      'cccccccccccc waiting',
      'total        1 of 3 done, 22MB / 42MB, 13.3MB/s, 2 s left',
    ])
  })

  it('is never wider or higher than the terminal, with colour or without', () => {
    const many = Array.from({ length: 50 }, (_, index): [ReturnType<typeof digest>, number] => [
      parseDigest(`sha256:${String(index).padStart(64, '0')}`),
      1000,
    ])
    for (const [columns, rows] of [
      [80, 24],
      [40, 10],
      [20, 5],
      [200, 60],
      [1, 1],
    ] as const) {
      const { state, now } = stateAfter(resolved(...many), {
        kind: 'downloading',
        digest: many[40]![0],
        current: 1,
        total: 1000,
      })
      const lines = progressFrame(state, { columns, rows }, now, true).map(stripVTControlCharacters)
      assert.ok(lines.length <= Math.max(rows, 4), `${lines.length} lines in ${rows} rows`)
      for (const line of lines) assert.ok(line.length <= Math.max(1, columns - 1), `${line.length} in ${columns}`)
      if (rows === 10) assert.match(lines.join('\n'), /000000000000 downloading/, 'what moves is shown first')
    }
  })

  it('colours nothing when it is told so', () => {
    const { state, now } = stateAfter(...events)
    assert.ok(!progressFrame(state, { columns: 80, rows: 24 }, now, false).join('').includes('\x1b'))
    assert.ok(progressFrame(state, { columns: 80, rows: 24 }, now, true).join('').includes('\x1b[36mdownloading'))
  })
})

describe('TerminalProgress', () => {
  it('draws over what it drew, in one write, also when the terminal has become narrower', () => {
    const writes: string[] = []
    let columns = 100
    const display = new TerminalProgress(
      text => writes.push(text.replaceAll('\x1b', 'ESC')),
      () => ({ columns, rows: 24 }),
      {
        title: 'localhost/a:1: asking the registry',
        color: false,
      },
    )
    display.draw()
    assert.deepEqual(writes, ['localhost/a:1: asking the registryESC[K\nESC[J'])
    display.show(resolved([a, 10]))
    display.draw()
    assert.match(writes[1]!, /^ESC\[1F.*ESC\[K\n.*ESC\[K\n.*ESC\[K\nESC\[J$/)
    columns = 50
    display.draw()
    assert.match(writes[2]!, /^ESC\[4F/, 'the first of three lines takes two now')
    assert.equal(writes.length, 3)
    display.end()
  })
})

describe('PlainProgress', () => {
  it('has a line for each beginning and end, tells now and then how far it is, and has no control characters', () => {
    let text = ''
    let now = 0
    const display = new PlainProgress(
      more => {
        text += more
      },
      () => now,
    )
    display.show(resolved([a, 2000], [b, 10]))
    for (const current of [1, 500, 1000, 2000]) {
      now += 6000
      display.show({ kind: 'downloading', digest: a, current, total: 2000 })
    }
    display.show({ kind: 'verifying', digest: a })
    display.show({ kind: 'downloaded', digest: a })
    display.show({ kind: 'unpacked', digest: a })
    display.show({ kind: 'present', digest: b })
    display.end()
    assert.deepEqual(text.split('\n'), [
      `localhost/a:1: 2 layers, ${digest('f')}`,
      'aaaaaaaaaaaa: downloading 2kB',
      'aaaaaaaaaaaa: 500B of 2kB',
      'aaaaaaaaaaaa: 2kB of 2kB',
      'aaaaaaaaaaaa: done',
      'bbbbbbbbbbbb: already here',
      '',
    ])
  })

  it('lets no name steer the terminal', () => {
    let text = ''
    const display = new PlainProgress(more => {
      text += more
    })
    display.show({ kind: 'resolved', reference: 'a\x1b[2J\u202eb', digest: a, layers: [] })
    assert.match(text, /^a\uFFFD\[2J\uFFFDb: /)
  })
})

describe('JsonProgress', () => {
  it('has an event in each line, and of many about bytes the first and the last', () => {
    let text = ''
    const display = new JsonProgress(more => {
      text += more
    })
    display.show(resolved([a, 1000]))
    for (let current = 1; current <= 1000; current++)
      display.show({ kind: 'downloading', digest: a, current, total: 1000 })
    display.show({ kind: 'unpacked', digest: a })
    const events = text
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as PullProgress)
    assert.deepEqual(events[0], resolved([a, 1000]))
    assert.ok(events.length < 100, `${events.length}`)
    const bytes = events.filter(({ kind }) => kind === 'downloading')
    assert.deepEqual(
      [bytes[0], bytes.at(-1)],
      [1, 1000].map(current => ({ kind: 'downloading', digest: a, current, total: 1000 })),
    )
  })
})
