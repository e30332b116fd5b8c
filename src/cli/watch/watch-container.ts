/** `stats --watch`: the live view of a container that runs somewhere. */
import {
  containerSamples,
  containerStats,
  inspectContainer,
  isUtsuwaError,
  type Roots,
  waitForContainer,
} from '../../index.ts'
import { writeAll } from '../print/write.ts'
import { describeEnding, type Ending } from './ending.ts'
import { type Samples, sampleIntervalOf, View, type ViewOptions } from './view.ts'

/** @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING; UNSUPPORTED without a cgroup of its own */
export async function watchContainer(nameOrId: string, interval: number, roots: Roots): Promise<void> {
  const { id, name, created, started = created } = await inspectContainer(nameOrId, roots)
  containerStats(id, roots) // before the terminal is taken over, for what it throws
  const samples = containerSamples(id, { ...roots, intervalMs: sampleIntervalOf(interval) })
  const ending = wait(id, roots)
  const { left, watched } = await show(
    { id, name, interval, started: Date.parse(started), fd: 1, signals: true },
    samples,
    ending,
  )
  writeAll(1, `${describeEnding(watched, left === undefined ? await ending : undefined, Date.now())}\n`)
  // Who reads the exit status learns of the signal as from any program.
  if (left !== undefined && left !== 'quit') process.kill(process.pid, left)
  if (left !== undefined) process.exit() // the end of the container is still being waited for
}

async function show(options: ViewOptions, samples: Samples, ended: Promise<unknown>) {
  using view = new View(options)
  return { left: await view.show(samples, ended), watched: view.watched }
}

async function wait(id: string, roots: Roots): Promise<Ending> {
  try {
    return { exitCode: await waitForContainer(id, roots) }
  } catch (error) {
    if (!isUtsuwaError(error, 'CONTAINER_STATE') && !isUtsuwaError(error, 'CONTAINER_NOT_FOUND')) throw error
    return { exitCode: undefined } // whoever ran it was killed
  }
}
