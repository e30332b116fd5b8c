/** What a caller may do: of each kind, what is asked for. */
import type { Command } from '../command.ts'
import type { Random } from '../random.ts'
import type { World } from '../world.ts'

export interface Action {
  readonly weight: number
  /** @param scratch a directory for files of the caller, which is its alone */
  make(random: Random, world: World, scratch: string): Command
}

const upTo = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`)

/** Few names, so that callers get in each other's way. */
// No beginning of an id, which a command would take for that container: letters beyond f.
export const containerNames = upTo(6, 'box')
export const networkNames = upTo(2, 'net')
export const volumeNames = upTo(3, 'vol')
export const ociIds = upTo(4, 'oci')

export const container = (random: Random): string => random.pick(containerNames)

interface Script {
  readonly text: string
  readonly lasts: boolean
}

const scripts: readonly Script[] = [
  { text: 'true', lasts: false },
  { text: 'echo hello; exit 3', lasts: false },
  { text: 'kill -9 $$', lasts: false },
  { text: 'sleep 0.5 & sleep 0.3 & wait; echo both', lasts: false },
  { text: 'dd if=/dev/zero of=/big bs=64k count=32 2>/dev/null; sleep 0.2', lasts: false },
  { text: 'for i in 1 2 3 4 5 6 7 8 9; do echo line $i; sleep 0.1; done', lasts: false },
  { text: 'sleep 1000', lasts: true },
  { text: 'trap "" TERM; while :; do sleep 1; done', lasts: true },
  { text: 'trap "exit 5" TERM INT; while :; do echo tick; sleep 0.1; done', lasts: true },
]

export const script = (random: Random): Script => random.pick(scripts)
