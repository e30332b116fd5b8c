/** What a boot leaves of containers. */
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './until.ts'

interface State {
  readonly pid: number
  readonly monitor?: { readonly pid: number }
  readonly cgroup?: { readonly mount: string; readonly path: string }
}

/** No process of detached containers, no cgroup, and no run root. */
export async function loseAtBoot(runRoot: string): Promise<void> {
  const directory = join(runRoot, 'containers')
  const states = readdirSync(directory).map(
    id => JSON.parse(readFileSync(join(directory, id, 'state.json'), 'utf8')) as State,
  )
  const isThere = (pid: number): boolean => pid !== 0 && existsSync(`/proc/${pid}`)
  // Monitors first: they would note the ends, and start containers again.
  const pids = [...states.map(({ monitor }) => monitor?.pid ?? 0), ...states.map(({ pid }) => pid)].filter(isThere)
  for (const pid of pids) killIfThere(pid)
  await until('the end of all', () => !pids.some(isThere))
  for (const path of states.map(({ cgroup }) => cgroup && join(cgroup.mount, cgroup.path)))
    if (path !== undefined && existsSync(path)) rmdirSync(path)
  rmSync(runRoot, { recursive: true })
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended with its container.
  }
}
