/**
 * What sampling costs: CPU time of this process, timers and garbage collection included, as a share of one CPU, while it
 * samples containers that work: `node bench/sample/main.ts [--seconds N]` prints a table.
 */
import { parseArgs } from 'node:util'
import { type Container, create } from '../../src/index.ts'
import { sleep } from '../../src/util/sleep.ts'
import { makeSandbox } from '../../test/support/busybox-root.ts'
import { formatNumber } from '../lib/chart.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '10' } } })
const seconds = Number(values.seconds)

using sandbox = makeSandbox()
const { rootfs, runRoot } = sandbox

const idle = 'while :; do usleep 200000; done'
const busy = 'while :; do dd if=/dev/zero of=/dev/null bs=4M count=20 2>/dev/null; usleep 20000; done'

const rows: string[][] = []
for (const [title, count, intervalMs, command] of [
  ['nothing, for comparison', 0, 0, idle],
  ['a timer each 10 ms, for comparison', 0, 10, idle],
  ['1 container each 10 ms', 1, 10, busy],
  ['50 containers each 100 ms', 50, 100, idle],
] as const)
  rows.push([title, ...(await measure(count, intervalMs, command))])
console.log(
  `| sampled | share of a CPU | samples a second | each |\n|---|--:|--:|--:|\n${rows.map(row => `| ${row.join(' | ')} |`).join('\n')}`,
)

async function measure(count: number, intervalMs: number, command: string): Promise<string[]> {
  const boxes: Container[] = []
  for (let index = 0; index < count; index++) {
    const box = await create({ rootfs, runRoot, args: ['sh', '-c', command], stdio: 'ignore' })
    boxes.push(box)
    await box.start()
  }
  let samples = 0
  const abort = new AbortController()
  const sampled = boxes.map(async box => {
    for await (const _ of box.samples({ intervalMs, signal: abort.signal })) samples++
  })
  const timer = count === 0 && intervalMs > 0 ? setInterval(() => samples++, intervalMs) : undefined
  await sleep(1000)
  const [before, first, since] = [process.cpuUsage(), samples, performance.now()]
  await sleep(seconds * 1000)
  const { user, system } = process.cpuUsage(before)
  const [taken, milliseconds] = [samples - first, performance.now() - since]
  clearInterval(timer)
  abort.abort()
  await Promise.allSettled(sampled)
  for (const box of boxes) await box.delete()
  return [
    `${formatNumber((user + system) / 10 / milliseconds)} %`,
    formatNumber((taken * 1000) / milliseconds),
    taken === 0 ? '' : `${formatNumber((user + system) / taken)} µs`,
  ]
}
