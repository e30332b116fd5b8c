/**
 * Why the kernel did not execute a command that is there: what its errno means for this very file.
 *
 * The bytes are the container's, and not trusted: whatever they hold, the answer is a text or none.
 */
import type { CommandFailure } from '../errors.ts'
import { errnos } from '../util/errno.ts'
import type { InitReport } from './conversation.ts'

/** The command, or an interpreter that a `#!` line led to. */
export interface ExecutableFile {
  /** In the container. */
  readonly path: string
  /** Why it cannot be executed itself; 0 when it is a regular file that may be. */
  readonly errno: number
  /** Its first bytes; empty where the user may execute it but not read it. */
  readonly head: Buffer
}

export interface Diagnosis {
  readonly failure: CommandFailure
  /** For behind `exec PATH: ` and before the errno. */
  readonly reason: string
  readonly hint: string
}

/** Fields of a report of kind `executable`. */
export function parseExecutable({ errno, bytes }: InitReport): ExecutableFile {
  const end = bytes.indexOf(0)
  const length = end < 0 ? bytes.length : end
  return { path: bytes.toString('utf8', 0, length), errno, head: bytes.subarray(length + 1) }
}

/**
 * @param errno of the execve(2) that failed
 * @param files the command, and the interpreters in the order in which the kernel would have read them
 * @returns undefined where there is no more to say than the errno does
 */
export function diagnose(errno: number, files: readonly ExecutableFile[]): Diagnosis | undefined {
  const last = files.at(-1)
  const script = files.at(-2)
  if (last === undefined) return undefined
  if (last.errno !== 0) return script === undefined ? undefined : diagnoseInterpreter(last, script, script === files[0])
  if (errno === errnos.ENOENT) return diagnoseLoader(last, script)
  if (errno === errnos.ENOEXEC) return diagnoseFormat(last, script)
  return undefined
}

function diagnoseInterpreter(
  { path, errno }: ExecutableFile,
  script: ExecutableFile,
  isCommand: boolean,
): Diagnosis | undefined {
  const line = isCommand ? 'its #! line' : `the #! line of ${quote(script.path)}`
  if (errno !== errnos.ENOENT && errno !== errnos.ENOTDIR)
    return {
      failure: 'interpreter_not_executable',
      reason: `${line} names ${quote(path)}, which is not executable`,
      hint: `make ${quote(path)} a program that the container's user may execute`,
    }
  if (path.endsWith('\r'))
    return {
      failure: 'crlf',
      reason: `${line} ends in a carriage return, so that it names ${quote(path)}`,
      hint: `save the file with Unix line ends: sed -i 's/\\r$//' ${script.path}`,
    }
  return {
    failure: 'missing_interpreter',
    reason: `${line} names ${quote(path)}, which is missing`,
    hint: `put ${quote(path)} into the image, or name an interpreter that is there`,
  }
}

function diagnoseLoader(file: ExecutableFile, script: ExecutableFile | undefined): Diagnosis | undefined {
  const elf = parseElf(file.head)
  if (elf === undefined) return undefined
  const loader = elf.loader === undefined ? 'the ELF loader that it needs' : `its ELF loader ${quote(elf.loader)}`
  return {
    failure: 'missing_loader',
    reason: `${about(file, script)}${loader} is missing`,
    hint: `it is built for ${libraryOf(elf.loader)}: take a build for the image's own C library, or a static one`,
  }
}

function diagnoseFormat(file: ExecutableFile, script: ExecutableFile | undefined): Diagnosis | undefined {
  const { head } = file
  const elf = parseElf(head)
  const subject = about(file, script)
  const own = machineNames.get(elfMachines[process.arch] ?? 0) ?? process.arch
  if (elf !== undefined && elf.machine !== own)
    return {
      failure: 'wrong_architecture',
      reason: `${subject}it is built for ${elf.machine}, and this machine is ${own}`,
      hint: `take an image or a build for ${own}`,
    }
  const what = formatOf(head, elf !== undefined)
  if (what === undefined) return undefined
  return {
    failure: 'not_a_program',
    reason: `${subject}${what}`,
    hint: 'a program is an ELF file for this machine, or a text whose first line begins with #! and names an interpreter',
  }
}

function formatOf(head: Buffer, isElf: boolean): string | undefined {
  if (isElf) return 'it is an ELF file that the kernel does not execute: damaged, or an object or library'
  if (head.length === 0) return 'it is empty, or may not be read'
  if (head.toString('latin1', 0, 5) === '\xef\xbb\xbf#!') return 'a byte order mark stands before its #!'
  return 'it is no ELF file and has no #! line'
}

/** Names the file where it is not the command itself. */
function about({ path }: ExecutableFile, script: ExecutableFile | undefined): string {
  return script === undefined ? '' : `its interpreter ${quote(path)}: `
}

function libraryOf(loader: string | undefined): string {
  if (loader?.includes('ld-musl')) return 'musl'
  if (loader?.includes('ld-linux') || loader?.includes('ld64')) return 'glibc'
  return 'another system'
}

function quote(path: string): string {
  return JSON.stringify(path)
}

interface Elf {
  /** As uname(1) names it. */
  readonly machine: string
  /** Path of the dynamic loader, where the file has one and it lies within what was read. */
  readonly loader: string | undefined
}

/** e_machine by Node's name of the processor. */
const elfMachines: Readonly<Record<string, number>> = {
  x64: 62,
  arm64: 183,
  ia32: 3,
  arm: 40,
  ppc64: 21,
  s390x: 22,
  riscv64: 243,
  loong64: 258,
}

const machineNames = new Map([
  [3, 'i386'],
  [8, 'mips'],
  [20, 'ppc'],
  [21, 'ppc64'],
  [22, 's390x'],
  [40, 'arm'],
  [62, 'x86_64'],
  [183, 'aarch64'],
  [243, 'riscv64'],
  [258, 'loongarch64'],
])

const PT_INTERP = 3
const LONGEST_PATH = 4096

/** elf(5). Undefined for what is no ELF file. */
function parseElf(head: Buffer): Elf | undefined {
  if (head.length < 64 || head.toString('latin1', 0, 4) !== '\x7fELF') return undefined
  const is64 = head[4] === 2
  const bigEndian = head[5] === 2
  const u16 = (at: number): number => (bigEndian ? head.readUInt16BE(at) : head.readUInt16LE(at))
  const u32 = (at: number): number => (bigEndian ? head.readUInt32BE(at) : head.readUInt32LE(at))
  // The upper half of a 64-bit offset is 0 for everything within the bytes that there are.
  const word = (at: number): number => (is64 ? u32(bigEndian ? at + 4 : at) : u32(at))
  const number = u16(18)
  const machine = machineNames.get(number) ?? `machine ${number}`
  const [table, size, count] = is64 ? [word(32), u16(54), u16(56)] : [word(28), u16(42), u16(44)]
  const entrySize = is64 ? 56 : 32
  for (let index = 0; index < count; index++) {
    const entry = table + index * size
    if (entry + entrySize > head.length) break
    if (u32(entry) !== PT_INTERP) continue
    const offset = word(entry + (is64 ? 8 : 4))
    const length = Math.min(word(entry + (is64 ? 32 : 16)), LONGEST_PATH)
    const bytes = head.subarray(offset, offset + length)
    const end = bytes.indexOf(0)
    return { machine, loader: end > 0 ? bytes.toString('utf8', 0, end) : undefined }
  }
  return { machine, loader: undefined }
}
