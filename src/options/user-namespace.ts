/** `--userns auto`: a user namespace of its own. */
import type { IdMapping } from '../spec/runtime.ts'
import { invalidOption } from './invalid-option.ts'
import type { ContainerOptions } from './options.ts'

/** Namespaces that belong to another user namespace: what is in them, root of this one could not set up or mount. */
const SHARED = ['network', 'pid', 'ipc', 'uts', 'cgroupns'] as const

/** @throws UtsuwaError INVALID_ARGUMENT for what a container with ids of its own cannot have */
export function checkUserNamespace(options: ContainerOptions): void {
  const { userns = 'host' } = options
  if (userns === 'host') return
  if (userns !== 'auto') throw invalidOption('--userns', `${JSON.stringify(userns)} is none of host, auto`)
  if (options.privileged) throw invalidOption('--userns', 'with --privileged its root must be that of the host')
  const shared = SHARED.find(option => /^(host$|container:)/.test(options[option] ?? ''))
  if (shared !== undefined)
    throw invalidOption('--userns', `with --${shared} ${options[shared]} it would have no rights`)
}

/** As many as programs can be expected to use; systemd, Kubernetes and podman give as many. */
export const USER_IDS = 65536

/** From the container's ids, from 0 on, to the host's. */
export function autoIdMappings(firstHostId: number): IdMapping[] {
  return [{ containerID: 0, hostID: firstHostId, size: USER_IDS }]
}
