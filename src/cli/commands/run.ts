import type { Command } from 'commander'
import { type Container, isUtsuwaError, type Roots, type RunResult, UtsuwaError } from '../../index.ts'
import { sigProxyOption } from '../flags/attach-flags.ts'
import { addCreationFlags, createPulling, creationOptions } from '../flags/creation.ts'
import { addDetachedFlags, type DetachedFlags, detachedOptions, refuseDetachedFlags } from '../flags/detached-flags.ts'
import { rootsOf } from '../flags/roots.ts'
import { shortId } from '../print/format.ts'
import { describeOom } from '../print/oom.ts'
import { reportWarning } from '../print/report.ts'
import { writeAll } from '../print/write.ts'
import { forwardSignals } from '../terminal/signals.ts'
import { type Console, openConsole } from '../terminal/terminal.ts'
import type { WatchedRun } from '../watch/watch-run.ts'

interface RunFlags extends DetachedFlags {
  readonly detach?: boolean
  readonly sigProxy: 'true' | 'false'
  readonly timeline?: boolean
  readonly trace?: string
  readonly watch?: boolean
}

export const examples = [
  'utsuwa run --rm -it alpine sh',
  'utsuwa run -d --restart unless-stopped --name web -e MODE=prod -v /srv/www:/www:ro nginx',
  "utsuwa run --rm -m 64m --cpus 0.5 --pids-limit 32 debian bash -c 'id; exit 7'",
  'utsuwa run --rm --rootfs /srv/tree sh',
]

export function define(command: Command): void {
  addDetachedFlags(addCreationFlags(command))
    .addOption(sigProxyOption())
    .option('--timeline', 'print how long each phase took, on standard error')
    .option('--trace <FILE>', 'write the phases as a Chrome trace, for Perfetto and chrome://tracing')
    .option('--watch', 'show what it uses, with curves against its limits, while it runs')
    .option('-d, --detach', 'leave it running, and print its id')
    .action(async (source: string, args: string[], flags: RunFlags) => {
      process.exitCode = await runContainer(source, args, flags, rootsOf(command))
    })
}

async function runContainer(source: string, args: string[], flags: RunFlags, roots: Roots): Promise<number> {
  checkFlags(flags)
  if (flags.detach) return await runDetached(source, args, flags, roots)
  using console = flags.tty ? openConsole({ input: flags.interactive === true }) : undefined
  // Loaded when needed.
  const watching = flags.watch ? await import('../watch/watch-run.ts') : undefined
  const outputs = watching?.watchedStreams() ?? (['inherit', 'inherit'] as const)
  const options = {
    ...creationOptions(source, args, flags, roots),
    keepUnstarted: true,
    onWarning: reportWarning,
    ...(console === undefined ? {} : { consoleSocketFd: console.socketFd }),
    // Without -i the container reads nothing: else `while read …; do utsuwa run …; done <file` would lose its input.
    stdio: [flags.interactive ? 'inherit' : 'ignore', ...outputs] as const,
  }
  // Awaited here, because the console is closed when this function returns.
  return await runToEnd(await createPulling(options, flags), console, watching?.WatchedRun, flags)
}

async function runToEnd(
  container: Container,
  console: Console | undefined,
  Watching: typeof WatchedRun | undefined,
  flags: RunFlags,
): Promise<number> {
  const signals = flags.sigProxy === 'true'
  let isNew = true
  const send = (signal: NodeJS.Signals): void =>
    signals ? kill(container, signal) : void process.kill(process.pid, signal)
  try {
    await console?.attach()
    using _signals = signals ? forwardSignals(send) : undefined
    using watched = Watching && new Watching(container, { signals, send })
    isNew = false
    await container.start()
    const result = await container.wait()
    await watched?.finish(result)
    await console?.drained()
    console?.[Symbol.dispose]()
    if (result.oom !== undefined) tellOfOom(container, result, flags)
    if (flags.timeline || flags.trace !== undefined) await report(result, flags)
    return result.exitCode
  } catch (error) {
    if (isNew || flags.rm) await container.delete().catch(reportWarning)
    throw error
  }
}

function tellOfOom(container: Container, result: RunResult, { memory, rm }: RunFlags): void {
  const more = rm ? '' : `hint: utsuwa why ${container.name ?? shortId(container.id)}\n`
  writeAll(2, `utsuwa: ${describeOom(container, result, memory)}\n${more}`)
}

async function runDetached(source: string, args: string[], flags: RunFlags, roots: Roots): Promise<number> {
  const options = detachedOptions(creationOptions(source, args, flags, roots), flags, 'open')
  const container = await createPulling({ ...options, keepUnstarted: true }, flags)
  try {
    await container.start()
  } catch (error) {
    if (flags.rm) await container.delete().catch(reportWarning)
    throw error
  }
  writeAll(1, `${container.id}\n`)
  return 0
}

function checkFlags(flags: RunFlags): void {
  const { detach, interactive, tty, watch } = flags
  if (!detach) refuseDetachedFlags(flags)
  if (watch) refuseWhatWatchingExcludes(flags)
  if (interactive && tty && !detach && !process.stdin.isTTY)
    throw new UtsuwaError('INVALID_ARGUMENT', '-i -t: standard input is no terminal', { hint: 'leave out -t' })
}

function refuseWhatWatchingExcludes({ detach, interactive, tty }: RunFlags): void {
  const refuse = (message: string, hint: string): never => {
    throw new UtsuwaError('INVALID_ARGUMENT', message, { hint })
  }
  if (detach) refuse('--watch is for a container in the foreground', 'utsuwa stats --watch NAME')
  if (tty) refuse('--watch and --tty both want the terminal', 'utsuwa stats --watch NAME, from another terminal')
  if (interactive && process.stdin.isTTY)
    refuse('--watch and --interactive both want what is typed', 'utsuwa stats --watch NAME, from another terminal')
}

/** Loaded when needed. */
async function report(result: RunResult, { timeline, trace }: RunFlags): Promise<void> {
  const { formatTimeline, writeTrace } = await import('../print/timeline.ts')
  if (timeline) writeAll(2, formatTimeline(result.timeline))
  if (trace !== undefined) writeTrace(trace, result.timeline)
}

function kill(container: Container, signal: NodeJS.Signals): void {
  try {
    container.kill(signal)
  } catch (error) {
    // It ended a moment before.
    if (!isUtsuwaError(error, 'CONTAINER_NOT_RUNNING')) throw error
  }
}
