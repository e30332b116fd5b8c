/** The namespaces of other containers, for one that shares them. */

import { UtsuwaError } from '../../errors.ts'
import { containersToJoin, type JoinedNamespaces } from '../../options/namespaces.ts'
import type { ContainerOptions } from '../../options/options.ts'
import { openOfInit } from '../../runtime/state/first-process.ts'
import { containersDirectory, nameOrIdOf, resolveContainer } from '../../runtime/state/names.ts'
import { type Joins, readRecord } from '../../runtime/state/record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import type { RuntimeSpec } from '../../spec/runtime.ts'
import type { ScopedFd } from '../../util/scoped-fd.ts'

export interface OpenNamespaces extends Disposable {
  readonly joins: Joins
  /** By descriptors of this process, which stay what they are if the other container ends. */
  readonly paths: JoinedNamespaces
}

/** @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING */
export function openNamespaces(
  options: ContainerOptions,
  { runRoot = DEFAULT_RUN_ROOT }: Pick<Roots, 'runRoot'>,
): OpenNamespaces {
  const names = Object.entries(containersToJoin(options))
  return openJoined(Object.fromEntries(names.map(([type, name]) => [type, resolveContainer(runRoot, name)])), runRoot)
}

/** The same for a container that is started again, when the others may have been, too. */
export function openJoined(joins: Joins, runRoot: string): OpenNamespaces {
  const opened: ScopedFd[] = []
  const dispose = (): void => {
    for (const namespace of opened) namespace[Symbol.dispose]()
  }
  try {
    const paths = Object.entries(joins).map(([type, id]) => {
      const namespace = openNamespace(type, id, runRoot)
      opened.push(namespace)
      return [type, `/proc/${process.pid}/fd/${namespace.fd}`] as const
    })
    return { joins, paths: Object.fromEntries(paths), [Symbol.dispose]: dispose }
  } catch (error) {
    dispose()
    throw error
  }
}

/** The spec with the paths of now. */
export function withNamespacePaths(spec: RuntimeSpec, paths: JoinedNamespaces): RuntimeSpec {
  const namespaces = (spec.linux?.namespaces ?? []).map(namespace => {
    const path = paths[namespace.type]
    return path === undefined ? namespace : { ...namespace, path }
  })
  return { ...spec, linux: { ...spec.linux, namespaces } }
}

function openNamespace(type: string, id: string, runRoot: string): ScopedFd {
  const record = readRecord(containersDirectory(runRoot), id)
  const container = nameOrIdOf(record)
  const opened = openOfInit(record, `ns/${type}`)
  if (opened !== undefined) return opened
  throw new UtsuwaError('CONTAINER_NOT_RUNNING', 'it has ended', {
    operation: `join the ${type} namespace of container ${container}`,
    hint: `utsuwa start ${container}`,
  })
}
