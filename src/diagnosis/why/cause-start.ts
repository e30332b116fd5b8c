/** A container whose command could not be executed. */
import type { CommandFailure } from '../../errors.ts'
import type { ManagedRecord } from '../../runtime/state/record.ts'
import type { Cause, CauseCode, Rule } from './cause.ts'

const codes: Readonly<Record<CommandFailure, CauseCode>> = {
  not_in_path: 'command-not-found',
  missing_file: 'command-not-found',
  missing_interpreter: 'missing-interpreter',
  crlf: 'crlf',
  missing_loader: 'missing-loader',
  not_executable: 'not-executable',
  directory: 'not-executable',
  interpreter_not_executable: 'not-executable',
  wrong_architecture: 'wrong-architecture',
  not_a_program: 'not-a-program',
}

const words: Readonly<Record<CommandFailure, string>> = {
  not_in_path: 'no directory of PATH has a file of that name',
  missing_file: 'there is no such file in its root file system',
  missing_interpreter: 'the file is there, but the interpreter that its first line names is not',
  crlf: 'the file is a script with Windows line ends, and the kernel takes the carriage return for a part of the interpreter’s name',
  missing_loader: 'the file is there, but the dynamic loader that it was linked for is not',
  not_executable: 'the file is there, but its user may not execute it (EACCES)',
  directory: 'it is a directory',
  interpreter_not_executable: 'the interpreter that its first line names may not be executed',
  wrong_architecture: 'the file was built for another processor than this machine has',
  not_a_program: 'the file is neither a program for this kernel nor a script with a #! line',
}

const advice: Readonly<Record<CommandFailure, string>> = {
  not_in_path: 'install the program in the image, give its path, or set PATH: utsuwa run -e PATH=… …',
  missing_file: 'look what is there: utsuwa export NAME | tar -t; give another command, or --entrypoint',
  missing_interpreter:
    'install the interpreter in the image, or name one that is there in the first line of the script',
  crlf: "save the script with Unix line ends: sed -i 's/\\r$//' FILE",
  missing_loader: 'take a build for the C library of the image (musl or glibc), or a static one',
  not_executable: 'make it executable in the image: chmod +x FILE; or run it as another user: utsuwa run --user …',
  directory: 'name a program, not a directory',
  interpreter_not_executable: 'make the interpreter executable: chmod +x FILE',
  wrong_architecture: 'take an image for this machine: utsuwa pull --platform linux/ARCHITECTURE …',
  not_a_program: 'begin a script with #!/bin/sh; a program has to be a whole ELF file',
}

export const failedStart: Rule = ({ name, startFailure }) => {
  if (startFailure === undefined) return undefined
  const { failure, message, hint, time } = startFailure
  const code = failure === undefined ? 'start-failed' : codes[failure]
  const why = failure === undefined ? 'one of the steps before that failed' : words[failure]
  return {
    code,
    confidence: 'certain',
    summary: `${name} did not run: its command could not be executed, because ${why}.`,
    evidence: [{ source: 'kernel', subject: 'start', text: `${message}, at ${time}` }],
    advice: [hint, failure && advice[failure].replace('NAME', name)].filter(each => each !== undefined),
  }
}

/** A container that has ended, and that its restart policy could not start again; it has not given up while `isRestarting`. */
export function failedRestart(
  name: string,
  isRestarting: boolean,
  { attempts, last }: NonNullable<ManagedRecord['failedRestarts']>,
): Cause {
  const state = isRestarting ? `${name} has ended and is restarting` : `${name} has ended and was not restarted`
  return {
    code: 'restart-failed',
    confidence: 'certain',
    summary: `${state}: attempt ${attempts} failed: ${last.message}.`,
    evidence: [{ source: 'utsuwa', subject: 'restart', text: `${last.message}, at ${last.time}` }],
    advice: last.hint === undefined ? [] : [last.hint],
  }
}
