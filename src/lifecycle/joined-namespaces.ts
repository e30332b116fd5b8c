/** The namespaces of other containers, for one that shares them. */
import { closeSync, openSync } from 'node:fs'
import { containersToJoin, type JoinedNamespaces } from '../config/namespaces.ts'
import type { ContainerOptions } from '../config/options.ts'
import { UtsuwaError } from '../errors.ts'
import { openInit } from './kill.ts'
import { containersDirectory, resolveContainer } from './names.ts'
import { readRecord } from './record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from './roots.ts'

export interface OpenNamespaces extends Disposable {
  /** By descriptors of this process, which stay what they are if the other container ends. */
  readonly paths: JoinedNamespaces
}

/** @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING */
export function openNamespaces(
  options: ContainerOptions,
  { runRoot = DEFAULT_RUN_ROOT }: Pick<Roots, 'runRoot'>,
): OpenNamespaces {
  const fds: number[] = []
  const dispose = (): void => {
    for (const fd of fds) closeSync(fd)
  }
  try {
    const paths = Object.entries(containersToJoin(options)).map(([type, container]) => {
      const fd = openNamespace(type, container, runRoot)
      fds.push(fd)
      return [type, `/proc/${process.pid}/fd/${fd}`] as const
    })
    return { paths: Object.fromEntries(paths), [Symbol.dispose]: dispose }
  } catch (error) {
    dispose()
    throw error
  }
}

function openNamespace(type: string, container: string, runRoot: string): number {
  const record = readRecord(containersDirectory(runRoot), resolveContainer(runRoot, container))
  const pidfd = openInit(record)
  if (pidfd === undefined) {
    throw new UtsuwaError('CONTAINER_NOT_RUNNING', 'it has ended', {
      operation: `join the ${type} namespace of container ${container}`,
      hint: `utsuwa start ${container}`,
    })
  }
  try {
    return openSync(`/proc/${record.pid}/ns/${type}`, 'r')
  } finally {
    closeSync(pidfd)
  }
}
