/** Flags that `checkpoint` and `restore` have in common, under runc's names. */

import { resolve } from 'node:path'
import type { CgroupMode, CriuFlags } from '../../runtime/index.ts'
import * as runtime from '../../runtime/index.ts'
import { type FlagValues, usageError } from './flags.ts'

export const criuFlags = {
  'image-path': { value: 'DIR', help: 'where the checkpoint is; default: ./checkpoint' },
  'work-path': { value: 'DIR', help: 'where criu works and writes its log; default: the image path' },
  'tcp-established': { help: 'take open TCP connections along' },
  'ext-unix-sk': { help: 'allow Unix sockets that are connected to the outside' },
  'shell-job': { help: "allow a session and terminal of the caller's" },
  'file-locks': { help: 'take file locks along' },
  'manage-cgroups-mode': {
    value: 'MODE',
    help: 'what criu does about cgroups: ignore, none, props, soft, full or strict; default: ignore',
  },
  'empty-ns': { value: 'NAMESPACE', many: true, help: 'a namespace to restore without what was in it: network' },
  'auto-dedup': { help: 'free pages of parent images that are in later ones' },
} as const

const DEFAULT_IMAGE_PATH = 'checkpoint'

/** @throws UtsuwaError INVALID_ARGUMENT */
export function criuOptions(
  values: FlagValues<typeof criuFlags>,
): CriuFlags & { readonly imagePath: string; readonly workPath?: string } {
  const { 'work-path': workPath, 'manage-cgroups-mode': mode } = values
  return {
    imagePath: resolve(values['image-path'] ?? DEFAULT_IMAGE_PATH),
    ...(workPath === undefined ? {} : { workPath: resolve(workPath) }),
    tcpEstablished: values['tcp-established'],
    externalUnixSockets: values['ext-unix-sk'],
    shellJob: values['shell-job'],
    fileLocks: values['file-locks'],
    autoDedup: values['auto-dedup'],
    emptyNamespaces: emptyNamespaces(values['empty-ns']),
    ...(mode === undefined ? {} : { cgroupMode: cgroupModeOf(mode) }),
  }
}

function cgroupModeOf(name: string): CgroupMode {
  if (Object.hasOwn(runtime.cgroupModes, name)) return name as CgroupMode
  throw usageError(`invalid value ${JSON.stringify(name)} for manage-cgroups-mode`)
}

function emptyNamespaces(names: readonly string[]): number {
  for (const name of names)
    if (name !== 'network') throw usageError(`namespace ${JSON.stringify(name)} is not supported for empty-ns`)
  return names.length > 0 ? runtime.cloneFlags.network : 0
}
