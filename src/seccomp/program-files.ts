/**
 * Compiled programs in files: to compile a profile takes a cold process as long as all else that a start does in it.
 *
 * The directory is its owner's alone, and lost at the next boot. A file is named after a weak hash of its profile and has
 * the profile's whole text in it, so that no profile can be made to stand for another.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CompiledSeccomp, ProgramStore } from './compile.ts'

/** A host has a handful of profiles; one made for each container must not fill its memory. */
const FILES_MAX = 32
/** Length of the text, flags, whether it notifies: 32 bits each. */
const HEADER_SIZE = 12
/** Bytes of a struct sock_filter. */
const INSTRUCTION_SIZE = 8

/**
 * @param directory made when needed
 * @param compiler says which one it was, put in by tools/build.ts. Without it, where the sources themselves run, nothing
 *   is kept.
 */
export function programFiles(
  directory: string,
  compiler: string | undefined = process.env.UTSUWA_SECCOMP_COMPILER,
): ProgramStore | undefined {
  if (compiler === undefined) return undefined
  const keyOf = (profile: string): string => `${compiler} ${process.arch} ${profile}`
  const pathOf = (key: string): string => join(directory, nameFor(key))
  return {
    find(profile) {
      const key = keyOf(profile)
      return parse(read(pathOf(key)), Buffer.from(key))
    },
    keep(profile, compiled) {
      const key = keyOf(profile)
      write(directory, pathOf(key), format(Buffer.from(key), compiled))
    },
  }
}

/** Hashes every 16th character, since all of them take a cold process milliseconds; where names meet, the later file stays. */
function nameFor(key: string): string {
  let hash = key.length
  for (let at = 0; at < key.length; at += 16) hash = (Math.imul(hash, 31) + key.charCodeAt(at)) >>> 0
  return hash.toString(16)
}

function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined // It is compiled then.
  }
}

function parse(file: Buffer | undefined, key: Buffer): CompiledSeccomp | undefined {
  if (file === undefined || file.length < HEADER_SIZE) return undefined
  const size = file.readUInt32LE(0)
  const program = file.subarray(HEADER_SIZE + size)
  if (!key.equals(file.subarray(HEADER_SIZE, HEADER_SIZE + size))) return undefined
  if (program.length === 0 || program.length % INSTRUCTION_SIZE !== 0) return undefined
  return { program, flags: file.readUInt32LE(4), notifies: file.readUInt32LE(8) === 1 }
}

function format(key: Buffer, { program, flags, notifies }: CompiledSeccomp): Buffer {
  const header = Buffer.alloc(HEADER_SIZE)
  header.writeUInt32LE(key.length, 0)
  header.writeUInt32LE(flags, 4)
  header.writeUInt32LE(notifies ? 1 : 0, 8)
  return Buffer.concat([header, key, program])
}

/** Whole or not at all; where it cannot be kept, the next one compiles again. */
function write(directory: string, path: string, content: Buffer): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const names = readdirSync(directory)
    if (names.length >= FILES_MAX) for (const name of names) rmSync(join(directory, name), { force: true })
    const temporary = `${path}.${process.pid}`
    writeFileSync(temporary, content, { mode: 0o600, flag: 'wx' })
    renameSync(temporary, path)
  } catch {
    // A full or read-only file system is no reason not to start a container.
  }
}
