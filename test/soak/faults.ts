/** What fails around utsuwa, for a while: disks without room, plugins, a registry. */
import { closeSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { moods } from './moods.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

export interface Fault {
  /** For the log. */
  readonly what: string
  lift(): void
}

const PLUGINS = ['bridge', 'host-local', 'firewall', 'portmap', 'loopback']

const makers = {
  'store full': (_, { storeDisk }) => fill('store full', storeDisk),
  'run root full': (_, { runDisk }) => fill('run root full', runDisk),
  'plugin fails': (random, { pluginDirectory }) => {
    const [plugin, how] = [random.pick(PLUGINS), random.pick(['error', 'killed', 'garbage'])]
    const file = join(pluginDirectory, 'failing', plugin)
    writeFileSync(file, how)
    return { what: `plugin ${plugin} fails: ${how}`, lift: () => rmSync(file, { force: true }) }
  },
  'registry fails': (random, world) => {
    world.mood = random.pick(moods)
    return {
      what: `registry ${world.mood}`,
      lift: () => {
        world.mood = 'well'
      },
    }
  },
} as const satisfies Record<string, (random: Random, world: World) => Fault>

export type FaultKind = keyof typeof makers

export function makeFault(random: Random, world: World): { kind: FaultKind; fault: Fault } {
  const kind = random.pick(Object.keys(makers) as FaultKind[])
  return { kind, fault: makers[kind](random, world) }
}

/** Takes all room there is on a disk. */
function fill(what: string, disk: string): Fault {
  const file = join(disk, 'filler')
  const fd = openSync(file, 'w')
  try {
    for (const size of [1024 ** 2, 4096]) writeUntilFull(fd, Buffer.alloc(size))
  } finally {
    closeSync(fd)
  }
  return { what, lift: () => rmSync(file, { force: true }) }
}

function writeUntilFull(fd: number, block: Buffer): void {
  try {
    while (writeSync(fd, block) > 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}
