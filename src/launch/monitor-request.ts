/**
 * What a monitor is told when it begins: one record in a sealed memfd. Descriptors in it are numbers of the monitor's
 * own, under which it has inherited them. `tools/generate-wire.ts` makes the C side of this file.
 */
import { choice, type RecordOf, type Vocabulary } from '../util/wire.ts'

export const monitorVocabulary = {
  name: 'monitor',
  choices: [
    /** What passes between the monitor and an attached client: one byte at the head of each frame. */
    choice('frame', [
      /** From a client: what it wants (`attach_output` | `attach_input`). From the monitor: it is in effect. */
      'attach',
      /** Bytes for the container's standard input. */
      'input',
      /** There will be no more input of this client. */
      'input_end',
      /** u16 columns, u16 rows */
      'resize',
      /** The log file was moved away: open it anew. Answered when that is done. */
      'reopen',
      /** Bytes of the container's standard output, and of its standard error. */
      'output',
      'errors',
      /** i32 exit status, i32 signal number or 0. The last one. */
      'exit',
    ]),
  ],
  types: {
    begin: {
      /** The vocabulary's: a monitor of another build refuses. */
      hash: 'u64',
      /** Id of the container, shown in process lists. */
      id: 'string',
      hostStage: 'bytes',
      /** The descriptors of utsuwa_launch(), as i32; those from `firstLaunchFd` on are closed after it. */
      launchFds: 'bytes',
      firstLaunchFd: 'u32',
      planFd: 'u32',
      /** Socket to the process that creates the container. */
      controlFd: 'u32',
      /** The container's directory, which gets `attach.sock` and `exit.json`. */
      directoryFd: 'u32',
      /** −1: nothing is logged. */
      logDirectoryFd: 'i32',
      logName: 'string',
      /** Bytes after which a new file begins; 0: never. */
      logMaxSize: 'u64',
      /** Files of the log that are kept, at least 1. */
      logMaxFiles: 'u32',
      /** The monitor's ends; −1 where there is none. With a terminal, `consoleFd` is the socket that its master comes over. */
      stdinFd: 'i32',
      stdoutFd: 'i32',
      stderrFd: 'i32',
      consoleFd: 'i32',
      /** The end of a client's input is the end of the container's. */
      stdinOnce: choice('stdin_once', ['no', 'yes']),
      restart: choice('restart', ['no', 'on_failure', 'always']),
      /** Restarts that are left for `on_failure`; 0xffffffff: any number. */
      restartsLeft: 'u32',
      /** Milliseconds to wait before a restart, unless the container runs for 10 s. */
      restartDelay: 'u32',
      /** What is executed when the container has ended: arguments, `restart` behind them where the policy says so. */
      ended: 'strings',
      environment: 'strings',
    },
  },
} as const satisfies Vocabulary

export type MonitorRequest = RecordOf<typeof monitorVocabulary>

export const [frames] = monitorVocabulary.choices
