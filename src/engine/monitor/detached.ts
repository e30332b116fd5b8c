/** A container that outlives whoever created it: what its monitor gets, for the first start and for each that follows. */

import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { UtsuwaError } from '../../errors.ts'
import type { MonitorInput } from '../../launch/monitor.ts'
import { parseBytes } from '../../options/bytes.ts'
import { DEFAULT_PATH } from '../../options/env.ts'
import { attachSocketName, exitFileName, LOG_NAME, logDirectory, removalFileName } from '../../runtime/state/places.ts'
import type { DetachedRecord, LockedContainer, LogOptions, RestartPolicy } from '../../runtime/state/record.ts'
import { reserve } from '../../runtime/state/whole-files.ts'
import { constants, sys } from '../../sys/index.ts'
import { inRoom } from '../../util/room.ts'
import { commandLine } from './command-line.ts'

/** Options of a container that outlives its creator. */
export interface DetachedContainerOptions {
  /**
   * The container outlives this process: a small process of its own is its parent, writes its log, and cleans up.
   * Default: false; it ends with this process.
   */
  readonly detached?: boolean
  /** Of a detached container. Default: three files of 10 MiB. */
  readonly log?: LogOptions
  /** Of a detached container. Default: `no`. */
  readonly restart?: RestartPolicy
  /**
   * Standard input of a detached container, for those who attach: none (/dev/null), open for as long as it lives, or
   * ending with that of the first. Default: `none`.
   */
  readonly stdin?: DetachedRecord['stdin']
}

const DEFAULT_LOG_SIZE = 10 * 1024 * 1024
const DEFAULT_LOG_FILES = 3

/** Bytes: what native/monitor_end.c writes at most. */
const EXIT_SIZE = 256
const FIRST_DELAY_MS = 100
const ANY_NUMBER = 0xffffffff

/** @throws UtsuwaError INVALID_ARGUMENT */
export function detachedRecord(
  { log = {}, restart = { name: 'no' }, stdin = 'none' }: DetachedContainerOptions,
  terminal: boolean,
  storeRoot: string,
): DetachedRecord {
  const { disabled = false, maxSize: size = DEFAULT_LOG_SIZE, maxFiles = DEFAULT_LOG_FILES } = log
  const maxSize = parseBytes(size, 'log.maxSize')
  if (!(Number.isInteger(maxFiles) && maxFiles > 0 && maxFiles < 1000))
    throw invalid('log.maxFiles', 'a number from 1 to 999', maxFiles)
  const { maxRetries = 0 } = restart
  if (!(Number.isInteger(maxRetries) && maxRetries >= 0 && maxRetries < ANY_NUMBER))
    throw invalid('restart.maxRetries', 'a number', maxRetries)
  return {
    storeRoot,
    terminal,
    stdin,
    log: { disabled, maxSize, maxFiles },
    restart,
    restarts: 0,
    restartDelay: FIRST_DELAY_MS,
  }
}

function invalid(option: string, what: string, found: unknown): UtsuwaError {
  return new UtsuwaError('INVALID_ARGUMENT', `must be ${what}, found ${String(found)}`, { operation: `set ${option}` })
}

/** What a creation needs of it. Disposal closes the descriptors, when the monitor and init have theirs. */
export interface MonitorStreams extends Disposable {
  /** Of the container. */
  readonly stdio: readonly [number, number, number]
  readonly consoleSocketFd: number | undefined
  readonly monitor: Omit<MonitorInput, 'cgroupMount'>
}

/** @param runRoot of the container; @param container its directory, below it. @throws UtsuwaError NO_SPACE */
export function openMonitorStreams(
  id: string,
  container: LockedContainer,
  runRoot: string,
  detached: DetachedRecord,
): MonitorStreams {
  const { directory } = container
  closeLastRun(directory)
  container.reserveWrite()
  reserve(join(directory, `${exitFileName}.new`), EXIT_SIZE)
  const open: number[] = []
  const keep = (fd: number): number => {
    open.push(fd)
    return fd
  }
  const pair = ([a, b]: [number, number]): [number, number] => [keep(a), keep(b)]
  const none = [-1, -1] as const
  try {
    const { terminal, stdin } = detached
    const [consoleFd, consoleSocketFd] = terminal ? pair(sys.socketpair('stream')) : none
    const [stdinRead, stdinWrite] = !terminal && stdin !== 'none' ? pair(sys.pipe()) : none
    const [stdoutRead, stdoutWrite] = terminal ? none : pair(sys.pipe())
    const [stderrRead, stderrWrite] = terminal ? none : pair(sys.pipe())
    return {
      stdio: [stdinRead, stdoutWrite, stderrWrite],
      consoleSocketFd: terminal ? consoleSocketFd : undefined,
      monitor: {
        id,
        directoryFd: keep(openSync(directory, constants.O_DIRECTORY)),
        ...logOf(detached, id, keep),
        stdinFd: stdinWrite,
        stdoutFd: stdoutRead,
        stderrFd: stderrRead,
        consoleFd,
        stdinOnce: stdin === 'once' ? 'yes' : 'no',
        ...restartOf(detached),
        ended: [...commandLine(), '--root', detached.storeRoot, '--run-root', runRoot, 'container-ended', id],
        environment: [`PATH=${process.env.PATH ?? DEFAULT_PATH.slice('PATH='.length)}`],
      },
      [Symbol.dispose]: () => closeAll(open),
    }
  } catch (error) {
    closeAll(open)
    throw error
  }
}

function closeAll(fds: readonly number[]): void {
  for (const fd of fds) closeSync(fd)
}

/** Sockets of the run before, where the container is started again, and the word of an `rm` that failed. */
function closeLastRun(directory: string): void {
  for (const name of ['start.sock', attachSocketName, removalFileName]) rmSync(join(directory, name), { force: true })
}

/** How the run before ended, which is true until there is a next one. */
export function forgetLastEnd(directory: string): void {
  rmSync(join(directory, exitFileName), { force: true })
}

function logOf(
  detached: DetachedRecord,
  id: string,
  keep: (fd: number) => number,
): Pick<MonitorInput, 'logDirectoryFd' | 'logName' | 'logMaxSize' | 'logMaxFiles'> {
  const { disabled, maxSize, maxFiles } = detached.log
  const directory = logDirectory(detached, id)
  if (!disabled) inRoom(directory, () => mkdirSync(directory, { recursive: true, mode: 0o700 }))
  return {
    logDirectoryFd: disabled ? -1 : keep(openSync(directory, constants.O_DIRECTORY)),
    logName: LOG_NAME,
    logMaxSize: maxSize,
    logMaxFiles: maxFiles,
  }
}

function restartOf({
  restart: { name, maxRetries = 0 },
  restarts,
  restartDelay,
}: DetachedRecord): Pick<MonitorInput, 'restart' | 'restartsLeft' | 'restartDelay'> {
  return {
    restart: name === 'no' ? 'no' : name === 'on-failure' ? 'on_failure' : 'always',
    restartsLeft: maxRetries === 0 ? ANY_NUMBER : Math.max(0, maxRetries - restarts),
    restartDelay,
  }
}
