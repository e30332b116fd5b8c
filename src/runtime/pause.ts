/** `pause` and `resume`: by the cgroup freezer. */
import { setFrozen } from '../cgroup/freeze.ts'
import { UtsuwaError } from '../errors.ts'
import { cgroupDirectory } from './state/cgroup-directory.ts'
import { lockContainer, readRecord } from './state/record.ts'
import { containerStatus } from './state/status.ts'

/** @throws UtsuwaError CONTAINER_STATE unless it is created or running */
export async function pause(stateRoot: string, id: string): Promise<void> {
  using _container = await lockContainer(stateRoot, id)
  const record = readRecord(stateRoot, id)
  const status = containerStatus(stateRoot, record)
  if (status !== 'running' && status !== 'created')
    throw new UtsuwaError('CONTAINER_STATE', `container not running or created: ${status}`, {
      operation: `pause container ${id}`,
    })
  await setFrozen(cgroupDirectory(record), true)
}

/** @throws UtsuwaError CONTAINER_STATE unless it is paused */
export async function resume(stateRoot: string, id: string): Promise<void> {
  using _container = await lockContainer(stateRoot, id)
  const record = readRecord(stateRoot, id)
  const status = containerStatus(stateRoot, record)
  if (status !== 'paused')
    throw new UtsuwaError('CONTAINER_STATE', `container not paused: ${status}`, { operation: `resume container ${id}` })
  await setFrozen(cgroupDirectory(record), false)
}
