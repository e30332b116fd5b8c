/** Everything goes by the commands that people have for it; none of them has a reason to fail. */
import { type Command, type Ended, execute } from './command.ts'
import type { World } from './world.ts'

/** @param tell is given every command */
export async function cleanUp(world: World, tell: (command: Command, ended: Ended) => void): Promise<void> {
  const perform = async (command: Command): Promise<string[]> => {
    const ended = await execute(world, command)
    tell(command, ended)
    return ended.stdout.split('\n').filter(Boolean)
  }
  const utsuwa = (...words: string[]): Promise<string[]> => perform({ words, mustSucceed: true })
  const oci = (...words: string[]): Promise<string[]> => perform({ program: 'utsuwa-oci', words, mustSucceed: true })

  await utsuwa('ps', '-a')
  await utsuwa('rm', '-f', '-a')
  for (const id of await oci('list', '-q')) await oci('delete', '--force', id)
  await utsuwa('volume', 'prune', '-a', '-f')
  await utsuwa('network', 'prune', '-f')
  await utsuwa('prune', '-a', '-f')
}
