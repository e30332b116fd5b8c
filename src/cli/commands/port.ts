import type { Command } from 'commander'
import { inspectContainer, UtsuwaError } from '../../index.ts'
import { rootsOf } from '../flags/roots.ts'
import { writeAll } from '../print/write.ts'

export const examples = ['utsuwa port web', 'utsuwa port web 80/tcp']

export function define(command: Command): void {
  command
    .argument('<CONTAINER>', 'name, id or its beginning')
    .argument('[PORT]', 'a port of the container, and its protocol: 80, 53/udp')
    .action(async (name: string, wanted: string | undefined) => {
      const { ports } = await inspectContainer(name, rootsOf(command))
      const [number, protocol = 'tcp'] = wanted?.split('/') ?? []
      const lines = ports
        .filter(port => wanted === undefined || (port.protocol === protocol && String(port.containerPort) === number))
        .map(({ hostIp, hostPort, containerPort, protocol }) => {
          const host = `${hostIp || '0.0.0.0'}:${hostPort}\n`
          return wanted === undefined ? `${containerPort}/${protocol} -> ${host}` : host
        })
      if (wanted !== undefined && lines.length === 0)
        throw new UtsuwaError('INVALID_ARGUMENT', `it does not publish ${number}/${protocol}`, {
          operation: `show the ports of container ${name}`,
        })
      writeAll(1, lines.join(''))
    })
}
