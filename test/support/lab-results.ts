/** Results of an experiment with two containers, without having run it. */
import { describeMachine } from '../../src/lab/machine.ts'
import type { ContainerResult, LabResults, RunRecord } from '../../src/lab/results.ts'
import { SeriesBuilder } from '../../src/lab/series.ts'

const ended = (exit: string, wall: number | null): ContainerResult => ({
  exit,
  exitCode: 0,
  signal: undefined,
  oom: undefined,
  seconds: 0.25,
  usage: undefined,
  metrics: { exit, 'wall, s': wall },
  output: 'some <b>text</b> </script>\n',
})

function run(index: number, memoryMax: string): RunRecord {
  const builder = new SeriesBuilder()
  for (let ms = 0; ms <= 250; ms += 10)
    builder.add({
      atUsec: ms * 1000,
      files: {
        'memory.current': `${ms * 100_000}\n`,
        'memory.max': memoryMax === 'max' ? 'max\n' : '33554432\n',
        'memory.events': `low 0\nhigh ${ms}\nmax 0\noom 0\noom_kill ${ms === 250 ? 1 : 0}\n`,
        'memory.stat': `anon ${ms * 90_000}\nfile 4096\n`,
        'cpu.stat': `usage_usec ${ms * 400}\nnr_periods ${ms}\nnr_throttled ${ms / 2}\nthrottled_usec 0\n`,
        'cpu.max': '50000 100000\n',
        'memory.pressure': `some avg10=0.00 avg60=0.00 avg300=0.00 total=${ms * 100}\n`,
        'pids.current': '3\n',
      },
    })
  const series = builder.build(0)
  return {
    index,
    repeat: 0,
    knobs: [
      { label: 'memory.max', target: undefined, file: 'memory.max', value: memoryMax },
      { label: 'heavy cpu.max', target: 'heavy', file: 'cpu.max', value: '50000 100000' },
    ],
    started: '2026-11-25T00:00:00.000Z',
    containers: { heavy: ended('exit 0', 0.25), light: ended('out of memory (parent)', null) },
    series: { heavy: series, light: series },
    samples: 52,
  }
}

export function exampleResults(count = 2): LabResults {
  return {
    name: 'An experiment <b>with</b> </script>',
    description: 'One paragraph.\n\nAnd another.',
    metrics: [
      { name: 'exit', unit: '' },
      { name: 'wall, s', unit: 's' },
    ],
    knobs: [
      { label: 'memory.max', file: 'memory.max', values: ['32M', 'max'] },
      { label: 'heavy cpu.max', file: 'cpu.max', values: ['50000 100000'] },
    ],
    containers: ['heavy', 'light'],
    hasParent: false,
    intervalMs: 10,
    machine: describeMachine(),
    runs: Array.from({ length: count }, (_, index) => run(index, index % 2 === 0 ? '32M' : 'max')),
    planned: count,
    interrupted: false,
    text: 'image: busybox\n',
    directory: undefined,
  }
}
