/** config-linux.md, "The Container Process State": the agent that answers SCMP_ACT_NOTIFY gets its descriptor. */
import { closeSync } from 'node:fs'
import { UtsuwaError } from '../errors.ts'
import type { RuntimeSpec } from '../spec/runtime.ts'
import { sys } from '../sys/index.ts'
import type { ContainerRecord } from './state/record.ts'
import { formatState } from './state.ts'

/**
 * Sends a seccomp listener to `linux.seccomp.listenerPath`, and closes it.
 * @param pid of the process that the filter is on
 * @throws UtsuwaError INVALID_SPEC without a listenerPath; the kernel's, when nobody listens there
 */
export function sendSeccompListener(spec: RuntimeSpec, record: ContainerRecord, pid: number, listenerFd: number): void {
  try {
    const { listenerPath, listenerMetadata } = spec.linux?.seccomp ?? {}
    if (listenerPath === undefined)
      throw new UtsuwaError('INVALID_SPEC', 'SCMP_ACT_NOTIFY needs a listenerPath', { configPointer: '/linux/seccomp' })
    const state = {
      ociVersion: record.ociVersion,
      fds: ['seccompFd'],
      pid,
      ...(listenerMetadata === undefined ? {} : { metadata: listenerMetadata }),
      state: formatState(record, 'creating'),
    }
    const socket = sys.connect('stream', listenerPath)
    try {
      sys.send(socket, Buffer.from(JSON.stringify(state)), listenerFd)
    } finally {
      closeSync(socket)
    }
  } finally {
    closeSync(listenerFd)
  }
}
