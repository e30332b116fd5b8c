import type { Command } from 'commander'
import { logout } from '../../index.ts'
import { writeAll } from '../print/write.ts'

export const examples = ['utsuwa logout ghcr.io']

export function define(command: Command): void {
  command
    .argument('[REGISTRY]', 'such as ghcr.io, localhost:5000', 'docker.io')
    .option('--authfile <FILE>', 'file with credentials (default: those of docker and podman)')
    .action(async (registry: string, { authfile }: { authfile?: string }) => {
      const removedFrom = await logout(registry, authfile === undefined ? {} : { authFile: authfile })
      const removed = removedFrom.map(place => `Removed the credentials for ${registry} from ${place}.\n`)
      writeAll(1, removed.join('') || `Not logged in to ${registry}.\n`)
    })
}
