import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isUtsuwaError } from '../../../src/errors.ts'
import { checkExperiment } from '../../../src/lab/check.ts'
import { parseExperiment, readExperiment } from '../../../src/lab/read.ts'

const minimal = 'image: busybox\ncommand: [sleep, 1]\n'

test('an experiment that says little has defaults for the rest', () => {
  const experiment = parseExperiment(minimal, '/lab/edge.yaml')
  assert.equal(experiment.name, 'edge')
  assert.deepEqual(experiment.containers, [
    { name: 'main', source: { image: 'busybox' }, command: ['sleep', '1'], env: {}, limits: {} },
  ])
  assert.deepEqual([experiment.repeats, experiment.intervalMs, experiment.durationMs], [1, 100, undefined])
  assert.deepEqual(
    experiment.metrics.map(({ name }) => name),
    ['wall', 'exit', 'peak'],
  )
})

test('every key is understood', () => {
  const experiment = parseExperiment(
    `
name: All of it
description: text
rootfs: root
command: echo 1
env: { A: 1, B: two }
limits: { memory.swap.max: 0 }
containers:
  heavy: { limits: { cpu.weight: 300 } }
  light: { image: other, command: [a, 1], env: { B: three } }
parent: { limits: { memory.max: 64M } }
sweep:
  memory.max: [32M, max]
  heavy: { cpu.weight: [100, 200] }
  parent: { cpu.max: [50000 100000] }
repeats: 3
duration: 1.5s
interval: 10ms
metric: [cpu, { name: p, pattern: '(\\d+) ms', statistic: p99, unit: ms }]
`,
    '/lab/all.yaml',
  )
  assert.deepEqual(experiment.containers, [
    {
      name: 'heavy',
      source: { rootfs: '/lab/root' },
      command: ['/bin/sh', '-c', 'echo 1'],
      env: { A: '1', B: 'two' },
      limits: { 'memory.swap.max': '0', 'cpu.weight': '300' },
    },
    {
      name: 'light',
      source: { image: 'other' },
      command: ['a', '1'],
      env: { A: '1', B: 'three' },
      limits: { 'memory.swap.max': '0' },
    },
  ])
  assert.deepEqual(experiment.sweep, [
    { target: undefined, file: 'memory.max', values: ['32M', 'max'] },
    { target: 'heavy', file: 'cpu.weight', values: ['100', '200'] },
    { target: 'parent', file: 'cpu.max', values: ['50000 100000'] },
  ])
  assert.deepEqual([experiment.durationMs, experiment.intervalMs], [1500, 10])
  assert.deepEqual(experiment.metrics[1], {
    name: 'p',
    unit: 'ms',
    measure: { kind: 'output', pattern: /(\d+) ms/gm, statistic: 'p99' },
  })
})

const refused: [title: string, text: string, message: RegExp][] = [
  [
    'a key that is none',
    `${minimal}repeat: 3\n`,
    /^read experiment x\.yaml: line 3: repeat: unknown key; known are name, /,
  ],
  ['YAML that is none', 'image: [\n', /^read experiment x\.yaml: line \d: /],
  ['a key twice', `${minimal}image: b\n`, /line 3: Map keys must be unique/],
  ['no source', 'command: ls\n', /it needs an image or a rootfs/],
  ['two sources', 'image: a\nrootfs: b\n', /line 2: rootfs: give an image or a rootfs, not both/],
  [
    'text for a number',
    `${minimal}repeats: many\n`,
    /line 3: repeats: must be a whole number of at least 1, found "many"/,
  ],
  ['a time that is none', `${minimal}interval: soon\n`, /line 3: interval: must be a time such as 10ms/],
  ['no time at all', `${minimal}interval: 0\n`, /line 3: interval: must be a time/],
  ['a sweep of no values', `${minimal}sweep:\n  memory.max: []\n`, /line 4: sweep\.memory\.max: a sweep needs values/],
  ['a value twice', `${minimal}sweep: { pids.max: [1, 1] }\n`, /line 3: sweep\.pids\.max: it has a value twice/],
  ['a value in the place of a list', `${minimal}sweep:\n  memory.max: 1M\n`, /line 4: .*must be a list, found "1M"/],
  [
    'a sweep of a stranger',
    `${minimal}sweep:\n  heavy: { cpu.weight: [1] }\n`,
    /line 4: sweep\.heavy: .* nor one of "main"/,
  ],
  ['a knob that is none', `${minimal}limits: { ../x.y: 1 }\n`, /line 3: .*not the name of a file of a cgroup/],
  ['a metric that is none', `${minimal}metric: [wall, speed]\n`, /line 3: metric\.1: must be one of wall, exit, /],
  ['a metric twice', `${minimal}metric: [wall, wall]\n`, /metric: it has wall twice/],
  [
    'a pattern without a group',
    `${minimal}metric: { name: x, pattern: a }\n`,
    /line 3: metric\.pattern: it needs one group/,
  ],
  [
    'a pattern that is none',
    `${minimal}metric: { name: x, pattern: '(' }\n`,
    /line 3: metric\.pattern: Invalid regular/,
  ],
  ['a container with the name of the parent', 'image: a\ncontainers:\n  parent: {}\n', /line 3: containers\.parent: /],
  ['too many runs', `${minimal}repeats: 9999\nsweep: { pids.max: [1, 2] }\n`, /line 4: sweep: these are 19998 runs/],
  [
    'a disk that is none',
    `${minimal}limits:\n  io.max: /proc wbps=1M\n`,
    /line 4: limits\.io\.max: \/proc does not lie on/,
  ],
  ['no mapping', '- a\n', /must be a mapping, found/],
]

for (const [title, text, message] of refused)
  test(`refused, with the place: ${title}`, () => {
    assert.throws(
      () => parseExperiment(text, 'x.yaml'),
      error => isUtsuwaError(error, 'INVALID_ARGUMENT') && message.test(error.message),
    )
  })

test('a module is an experiment too, and an object', () => {
  const directory = mkdtempSync(join(tmpdir(), 'utsuwa-lab-'))
  try {
    const file = join(directory, 'edge.ts')
    writeFileSync(file, "const image: string = 'busybox'\nexport default { image, rootfs: undefined, repeats: 2 }\n")
    const experiment = readExperiment(file)
    assert.deepEqual([experiment.name, experiment.repeats], ['edge', 2])
    writeFileSync(join(directory, 'bad.ts'), 'export default { image: 7 }\n')
    assert.throws(() => readExperiment(join(directory, 'bad.ts')), /bad\.ts: image: must be text, found 7/)
    assert.throws(() => readExperiment(join(directory, 'none.yaml')), /read experiment .*none\.yaml: ENOENT/)
  } finally {
    rmSync(directory, { recursive: true })
  }
  assert.equal(checkExperiment({ image: 'a' }, { file: 'experiment', directory: '/' }).name, 'experiment')
})
