/** What `create` and `run` have in common. */

import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { UtsuwaError } from '../../errors.ts'
import type { Bundle, RuntimeCreateOptions } from '../../runtime/index.ts'
import * as runtime from '../../runtime/index.ts'
import { errnoOf } from '../../util/errno.ts'
import { checkPreservedFds } from '../flags/preserved-fds.ts'
import type { Context } from './command.ts'
import { type FlagValues, usageError } from './flags.ts'
import { describeError } from './log.ts'
import { defaultStateRoot, keepDefaultStateRoot } from './state-root.ts'

export const creationFlags = {
  bundle: { short: 'b', value: 'DIR', help: 'the bundle; default: the current directory' },
  'console-socket': { value: 'PATH', help: 'Unix socket that gets the master of the terminal' },
  'pid-file': { value: 'FILE', help: 'file to write the process id to' },
  'no-pivot': { help: 'do without pivot_root(2), for a root file system on a ramdisk' },
  'no-new-keyring': { help: "keep the caller's session keyring" },
  'preserve-fds': { value: 'N', help: 'descriptors that the container gets beside 0, 1, 2 and those of $LISTEN_FDS' },
} as const

export type OciCreationFlags = FlagValues<typeof creationFlags>

/** @throws UtsuwaError BUNDLE_NOT_FOUND, INVALID_SPEC, INVALID_ARGUMENT */
export function ociCreationOptions(
  id: string,
  flags: OciCreationFlags,
  { stateRoot, cgroupManager, log }: Context,
): RuntimeCreateOptions {
  const bundle = runtime.readBundle(flags.bundle ?? '.')
  if (stateRoot === defaultStateRoot()) keepDefaultStateRoot()
  const listenFds = countListenFds(process.env)
  const preserveFds = listenFds + parseCount(flags['preserve-fds'] ?? '0', 'preserve-fds')
  checkPreservedFds(preserveFds)
  return {
    stateRoot,
    id,
    spec: withListenFds(bundle, listenFds),
    bundlePath: bundle.path,
    gate: 'socket',
    noPivot: flags['no-pivot'],
    noNewKeyring: flags['no-new-keyring'],
    preserveFds,
    cgroupManager,
    notify: notifySocket() !== undefined,
    onWarning: warning => log.warning(describeError(warning)),
  }
}

/** Where the service manager wants to be told that the container is ready: sd_notify(3). Names that are no paths are old. */
export function notifySocket(): string | undefined {
  const { NOTIFY_SOCKET } = process.env
  return NOTIFY_SOCKET?.startsWith('/') ? NOTIFY_SOCKET : undefined
}

/** A small number in a flag or variable. @throws UtsuwaError INVALID_ARGUMENT */
export function parseCount(text: string, name: string): number {
  if (!/^\d{1,4}$/.test(text)) throw usageError(`invalid value ${JSON.stringify(text)} for ${name}`)
  return Number(text)
}

/** Sockets that a service manager passes to us, and not to a parent that forgot to unset it: sd_listen_fds(3). */
function countListenFds({ LISTEN_FDS = '0', LISTEN_PID }: NodeJS.ProcessEnv): number {
  return LISTEN_PID === String(process.pid) ? parseCount(LISTEN_FDS, 'LISTEN_FDS') : 0
}

/** The container's first process, which is its PID 1, is told of the sockets in turn. */
function withListenFds({ spec }: Bundle, listenFds: number): Bundle['spec'] {
  if (listenFds === 0 || spec.process === undefined) return spec
  const env = (spec.process.env ?? []).filter(entry => !/^LISTEN_(FDS|PID)=/.test(entry))
  return { ...spec, process: { ...spec.process, env: [...env, `LISTEN_FDS=${listenFds}`, 'LISTEN_PID=1'] } }
}

/** Who waits for the file must find the whole number in it. @throws UtsuwaError INVALID_ARGUMENT */
export function writePidFile(path: string, pid: number): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`)
  try {
    writeFileSync(temporary, String(pid), { mode: 0o644 })
    renameSync(temporary, path)
  } catch (cause) {
    rmSync(temporary, { force: true })
    const errno = errnoOf(cause)
    throw new UtsuwaError('INVALID_ARGUMENT', errno === undefined ? String(cause) : undefined, {
      operation: `write pid file ${path}`,
      path,
      cause,
      ...(errno === undefined ? {} : { errno }),
    })
  }
}
