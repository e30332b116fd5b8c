import { type Command, InvalidArgumentError, Option } from 'commander'
import {
  type CreateNetworkOptions,
  createNetwork,
  inspectNetwork,
  type Network,
  networks,
  pruneNetworks,
  removeNetwork,
} from '../../index.ts'
import { collectPair } from '../flags/collect.ts'
import { forEachArgument, printEach } from '../flags/each-argument.ts'
import { addListFlags, type ListFlags, printableJson, printedAsJson } from '../flags/output-format.ts'
import { rootsOf } from '../flags/roots.ts'
import { printable } from '../print/format.ts'
import { formatTable } from '../print/table.ts'
import { writeAll } from '../print/write.ts'
import { confirm } from '../terminal/prompt.ts'

export const examples = [
  'utsuwa network create backend',
  'utsuwa run -d --name db --network backend localhost:5000/postgres:test',
  'utsuwa run --rm --network backend localhost:5000/debian:test getent hosts db',
]

export function define(command: Command): void {
  defineList(command)
  defineCreate(command)
  defineInspect(command)
  defineRemove(command)
  definePrune(command)
}

function defineList(parent: Command): void {
  const command = parent.command('ls').alias('list').description('list networks')
  addListFlags(command).action(async (flags: ListFlags) => {
    const list = await networks(rootsOf(command))
    if (flags.quiet) writeAll(1, list.map(({ name }) => `${printable(name)}\n`).join(''))
    else if (!printedAsJson(flags, list.map(describe)))
      writeAll(1, formatTable(['NAME', 'DRIVER', 'SUBNET', 'BRIDGE'], list.map(toRow)))
  })
}

function toRow({ name, driver, subnet = '', bridge = '' }: Network): string[] {
  return [name, driver, subnet, bridge].map(printable)
}

interface CreateFlags {
  readonly gateway?: string
  readonly internal?: boolean
  readonly label?: Record<string, string>
  readonly opt?: { readonly mtu: number }
  readonly subnet?: string
}

function defineCreate(parent: Command): void {
  const command = parent.command('create').description('make a network: a bridge of its own, with addresses and NAT')
  command
    .argument('<NAME>', 'name of the network')
    .addOption(new Option('-d, --driver <DRIVER>', 'kind of network').choices(['bridge']).default('bridge'))
    .option('--subnet <SUBNET>', 'such as 10.9.0.0/24 (default: one that this machine has no route to)')
    .option('--gateway <ADDRESS>', 'address of this machine in it (default: the first)')
    .option('--internal', 'lead nowhere but to its own containers')
    .option('-o, --opt <NAME=VALUE>', 'mtu=BYTES', parseOpt)
    .option('--label <NAME=VALUE>', 'label', collectPair)
    .action(async (name: string, flags: CreateFlags) => {
      const { subnet, gateway, internal, opt, label } = flags
      const options: CreateNetworkOptions = {
        ...rootsOf(command),
        name,
        ...(subnet !== undefined && { subnet }),
        ...(gateway !== undefined && { gateway }),
        ...(internal !== undefined && { internal }),
        ...(opt !== undefined && { mtu: opt.mtu }),
        ...(label !== undefined && { labels: label }),
      }
      writeAll(1, `${(await createNetwork(options)).name}\n`)
    })
}

function parseOpt(text: string): { mtu: number } {
  const [, bytes] = /^(?:com\.docker\.network\.driver\.)?mtu=(\d+)$/.exec(text) ?? []
  if (bytes === undefined) throw new InvalidArgumentError('It must have the form mtu=BYTES.')
  return { mtu: Number(bytes) }
}

function defineInspect(parent: Command): void {
  const command = parent.command('inspect').description('print all that is known of networks')
  command.argument('<NAME...>', 'networks').action(async (names: string[]) => {
    const found: object[] = []
    await forEachArgument(names, async name => void found.push(describe(await inspectNetwork(name, rootsOf(command)))))
    writeAll(1, `${printableJson(found)}\n`)
  })
}

function defineRemove(parent: Command): void {
  const command = parent.command('rm').alias('remove').description('remove networks that no container is connected to')
  command
    .argument('<NAME...>', 'networks')
    .action((names: string[]) => printEach(names, name => removeNetwork(name, rootsOf(command))))
}

function definePrune(parent: Command): void {
  const command = parent.command('prune').description('remove networks that no container was made for')
  command.option('-f, --force', 'do not ask').action(async ({ force = false }: { force?: boolean }) => {
    if (!force && !(await confirm('Remove every network that no container was made for?'))) return
    writeAll(1, (await pruneNetworks(rootsOf(command))).map(name => `${name}\n`).join(''))
  })
}

/** Docker's names of things, which scripts look for. */
function describe({ name, driver, created, labels, bridge, subnet, gateway, internal, containers }: Network): object {
  return {
    Name: name,
    Driver: driver,
    Created: created ?? null,
    Scope: 'local',
    Internal: internal,
    IPAM: { Config: subnet === undefined ? [] : [{ Subnet: subnet, Gateway: gateway }] },
    Bridge: bridge ?? null,
    Labels: labels,
    Containers: Object.fromEntries(
      containers.map(container => [container.id, { Name: container.name ?? '', IPv4Address: container.address ?? '' }]),
    ),
  }
}
