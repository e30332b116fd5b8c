/** Experiments in the kernel: what the limits of each run do, which level kills, and what is written down. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { containers, type ExperimentInput, type LabResults, lab } from '../../../src/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())

const { rootfs, runRoot, scratch } = sandbox
const run = (experiment: ExperimentInput, options = {}): Promise<LabResults> =>
  lab.run(experiment, { runRoot, ...options })
/** Grows to what is asked for, in memory of its own. */
const grow = (size: string): string => `dd if=/dev/zero of=/dev/null bs=${size} count=1 2>/dev/null`

const pieces: Record<string, LabResults> = {}

test('memory.max kills where the command needs more', async () => {
  const results = await run(
    {
      name: 'edge',
      rootfs,
      command: `echo 'need 24'; ${grow('24M')} || exit 9`,
      limits: { 'memory.swap.max': 0, 'memory.oom.group': 1 },
      sweep: { 'memory.max': ['16M', '64M'] },
      repeats: 2,
      interval: '10ms',
      metric: ['exit', 'peak', 'oom-kills', 'memory-max', { name: 'need', pattern: '^need (\\d+)$', unit: 'MiB' }],
    },
    { out: join(scratch, 'edge') },
  )
  pieces.edge = results
  assert.deepEqual(
    results.runs.map(({ knobs: [knob], repeat, containers: { main } }) => [knob!.value, repeat, main!.exit]),
    [
      ['16M', 0, 'out of memory (container)'],
      ['64M', 0, 'exit 0'],
      ['16M', 1, 'out of memory (container)'],
      ['64M', 1, 'exit 0'],
    ],
  )
  const [tight, wide] = results.runs.map(({ containers: { main } }) => main!)
  assert.equal(tight!.oom?.level, 'container')
  assert.ok((tight!.metrics['oom-kills'] as number) >= 1)
  assert.ok((tight!.metrics['memory-max'] as number) >= 1)
  assert.ok((wide!.metrics.peak as number) > 24 * 2 ** 20, `${wide!.metrics.peak}`)
  assert.equal(wide!.metrics.need, 24)
  const kill = results.runs[0]!.series.main!.marks.find(({ kind }) => kind === 'oom_kill')
  assert.ok(kill !== undefined && kill.time >= 0, 'the plot has a mark for the kill')
})

test('the directory has samples, results, a table, a page and the output', () => {
  const read = (name: string): string => readFileSync(join(scratch, 'edge', name), 'utf8')
  const samples = read('samples.jsonl')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  assert.equal(
    samples.length,
    pieces.edge!.runs.reduce((sum, { samples }) => sum + samples, 0),
  )
  for (const index of [0, 1, 2, 3]) {
    const [first, ...rest] = samples.filter(({ run }) => run === index)
    assert.ok(first.files['memory.max'].length > 0 && first.files['memory.stat'].length > 0)
    // What says the same as before is left out.
    assert.ok(rest.length > 0 && rest.every(({ files }: { files: object }) => !('memory.max' in files)))
  }
  assert.equal(read('runs.csv').split('\n')[0], 'run,repeat,memory.max,exit,peak,oom-kills,memory-max,need')
  assert.equal(read('runs.csv').trim().split('\n').length, 5)
  assert.equal(JSON.parse(read('results.json')).runs.length, 4)
  assert.match(read('index.html'), /<title>edge<\/title>/)
  assert.equal(read('output/1-main.txt'), 'need 24\n')
})

test('cpu.max throttles', async () => {
  const { runs } = await run({
    rootfs,
    command: 'while :; do :; done',
    sweep: { 'cpu.max': ['20000 100000', 'max 100000'] },
    duration: '2s',
    metric: ['throttled', 'cpus'],
  })
  const [slow, free] = runs.map(({ containers: { main } }) => main!.metrics)
  // All but those in which it begins and ends; User Mode Linux counts time in large steps.
  assert.ok((slow!.throttled as number) > 20, `${slow!.throttled} %`)
  assert.equal(free!.throttled, 0)
  assert.ok((slow!.cpus as number) < 0.5, `${slow!.cpus} CPUs`)
})

test('competitors run side by side, each with its own limits and knobs', async () => {
  const { runs, knobs } = await run({
    rootfs,
    command: 'while :; do :; done',
    containers: { heavy: { limits: { 'pids.max': 20 } }, light: {} },
    sweep: { heavy: { 'cpu.weight': [100, 900] } },
    duration: '2s',
    metric: ['cpu', 'exit'],
  })
  assert.deepEqual(
    knobs.map(({ label }) => label),
    ['heavy cpu.weight'],
  )
  const cpu = (index: number, name: string): number => runs[index]!.containers[name]!.metrics.cpu as number
  assert.ok(cpu(1, 'heavy') > 2 * cpu(1, 'light'), `${cpu(1, 'heavy')} s and ${cpu(1, 'light')} s`)
  assert.equal(runs[0]!.containers.light!.exit, 'time is up')
  assert.ok(runs[0]!.series.heavy!.pidsMax.includes(20))
})

test('of nested cgroups it is said which one killed', async () => {
  const level = async (parent: string, own: string): Promise<string> => {
    const { runs } = await run({
      containers: { main: { rootfs, command: grow('24M'), limits: { 'memory.oom.group': 1 } } },
      parent: { limits: { 'memory.max': parent, 'memory.swap.max': 0 } },
      sweep: { main: { 'memory.max': [own] } },
    })
    assert.ok(runs[0]!.series.parent!.time.length > 0, 'the parent is sampled too')
    return runs[0]!.containers.main!.exit
  }
  assert.equal(await level('16M', '64M'), 'out of memory (parent)')
  assert.equal(await level('64M', '16M'), 'out of memory (container)')
})

test('what does not start is a result, with the reason', async () => {
  const { runs } = await run({
    rootfs,
    command: ['sleep', '0'],
    sweep: { 'memory.max': ['nonsense', '64M'] },
  })
  assert.match(runs[0]!.containers.main!.exit, /^not started: .*memory\.max.*EINVAL/)
  assert.equal(runs[1]!.containers.main!.exit, 'exit 0')
})

test('an experiment that is interrupted writes what there is and leaves nothing behind', async () => {
  const file = join(scratch, 'long.yaml')
  writeFileSync(file, `rootfs: ${rootfs}\ncommand: sleep 1000\nparent: {}\nsweep: { pids.max: [10, 20] }\n`)
  const out = join(scratch, 'long')
  const main = join(import.meta.dirname, '../../../src/cli/main.ts')
  const child = spawn(process.execPath, [main, '--run-root', runRoot, 'lab', 'run', '--out', out, file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', text => (printed += text))
  const ended = new Promise(resolve => child.on('close', resolve))
  while ((await containers({ runRoot })).every(({ status }) => status !== 'running'))
    await new Promise(resolve => setTimeout(resolve, 50))
  child.kill('SIGINT')
  assert.equal(await ended, 130, printed)
  assert.match(printed, /run 1 of 2: pids\.max 10: interrupted/)
  const results = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'))
  assert.deepEqual([results.interrupted, results.runs.length, results.planned], [true, 1, 2])
  assert.ok(existsSync(join(out, 'index.html')))
  assert.deepEqual(await containers({ runRoot }), [])
  const left = readdirSync('/sys/fs/cgroup/utsuwa').filter(name => name.startsWith('lab-'))
  assert.deepEqual(left, [])
})
