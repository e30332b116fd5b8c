import { availableParallelism, release, totalmem } from 'node:os'
import type { Command } from 'commander'
import { readCgroupHierarchy, readControllers } from '../../cgroup/hierarchy.ts'
import { containers, DEFAULT_ROOT, DEFAULT_RUN_ROOT, images, type Roots } from '../../index.ts'
import { addFormatFlag, type FormatFlags, printedAsJson } from '../flags/output-format.ts'
import { rootsOf } from '../flags/roots.ts'
import { formatBinarySize } from '../print/format.ts'
import { formatTable } from '../print/table.ts'
import { writeAll } from '../print/write.ts'
import { commit, version } from '../version.ts'

export const examples = ['utsuwa info', 'utsuwa info --format json']

export function define(command: Command): void {
  addFormatFlag(command).action(async (flags: FormatFlags) => {
    const info = await collectInfo(rootsOf(command))
    if (!printedAsJson(flags, info)) writeAll(1, describe(info))
  })
}

type Info = Awaited<ReturnType<typeof collectInfo>>

async function collectInfo(roots: Roots) {
  const [all, stored] = await Promise.all([containers(roots), images(roots)])
  const count = (...states: string[]): number => all.filter(({ status }) => states.includes(status)).length
  const { mode, mountHostPath } = readCgroupHierarchy()
  return {
    version,
    commit,
    containers: all.length,
    running: count('running', 'restarting'),
    paused: count('paused'),
    stopped: count('stopped'),
    images: new Set(stored.map(({ id }) => id)).size,
    root: roots.root ?? DEFAULT_ROOT,
    runRoot: roots.runRoot ?? DEFAULT_RUN_ROOT,
    cgroups: mode,
    cgroupControllers: mountHostPath === undefined ? [] : readControllers(mountHostPath),
    kernel: release(),
    architecture: process.arch,
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
  }
}

function describe(info: Info): string {
  const { running, paused, stopped, containers: total, cgroups, cgroupControllers, memoryBytes } = info
  return formatTable(
    ['WHAT', 'VALUE'],
    [
      ['utsuwa', `${info.version} (${info.commit})`],
      ['containers', `${total}: ${running} running, ${paused} paused, ${stopped} stopped`],
      ['images', String(info.images)],
      ['root', info.root],
      ['run root', info.runRoot],
      ['cgroups', `${cgroups}${cgroupControllers.length === 0 ? '' : `: ${cgroupControllers.join(' ')}`}`],
      ['kernel', `${info.kernel} (${info.architecture})`],
      ['machine', `${info.cpus} CPUs, ${formatBinarySize(memoryBytes)}`],
    ],
  )
}
