/** Those who pull, each into a store of its own that is new in every round. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Cost, ProcessGroup } from '../lib/group.ts'
import type { Contender } from '../lib/rounds.ts'

const DAEMON_START_MS = 20_000

/** @param stores directory for the stores; @param reference what to pull, from a registry that speaks plain HTTP */
export function contenders(stores: string, reference: string): Contender[] {
  const commands: Record<string, (store: string) => string[][]> = {
    utsuwa: store => [['bin/utsuwa', '--root', store, 'pull', '--quiet', reference]],
    podman: store => [
      [
        'podman',
        ...['--root', join(store, 'root'), '--runroot', join(store, 'run'), '--storage-driver', 'overlay'],
        ...['pull', '--quiet', '--tls-verify=false', reference],
      ],
    ],
    'skopeo + umoci': store => [
      [
        'skopeo',
        ...['--insecure-policy', 'copy', '--quiet', '--src-tls-verify=false'],
        ...[`docker://${reference}`, `oci:${join(store, 'image')}:latest`],
      ],
      ['umoci', 'unpack', '--image', `${join(store, 'image')}:latest`, join(store, 'bundle')],
    ],
  }
  const direct = Object.entries(commands).map(([name, commandsFor]): Contender => {
    return {
      name,
      run: async round => {
        const store = await newStore(stores, round)
        await using group = new ProcessGroup(nameOf(round))
        return await group.measure(commandsFor(store))
      },
    }
  })
  return [...direct, { name: 'ctr', run: round => pullWithContainerd(stores, round, reference) }]
}

/** containerd is running when the clock starts, as it is where it is used; its CPU time and memory count. */
async function pullWithContainerd(stores: string, round: string, reference: string): Promise<Cost> {
  const store = await newStore(stores, round)
  const socket = join(store, 'socket')
  const configFile = join(store, 'config.toml')
  await writeFile(
    configFile,
    `version = 2
root = "${join(store, 'root')}"
state = "${join(store, 'state')}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${socket}"
`,
  )
  await using group = new ProcessGroup(nameOf(round))
  const daemon = group.start(['containerd', '--config', configFile, '--log-level', 'error'])
  daemon.stderr!.resume()
  const ended = once(daemon, 'close')
  for (const deadline = Date.now() + DAEMON_START_MS; !existsSync(socket); await sleep(20)) {
    if (daemon.exitCode !== null || Date.now() > deadline) throw new Error('containerd does not start')
  }
  const pull = ['image', 'pull', '--plain-http', '--snapshotter', 'overlayfs', reference]
  const cost = await group.measure([['ctr', '--address', socket, ...pull]])
  daemon.kill('SIGTERM')
  await ended
  return cost
}

/** What the one before has left in memory is written first: who waits for the disk would wait for that as well. */
async function newStore(stores: string, round: string): Promise<string> {
  const store = join(stores, nameOf(round))
  await mkdir(store, { recursive: true })
  await promisify(execFile)('sync')
  return store
}

const nameOf = (round: string) => round.replaceAll(/[^a-z0-9]+/g, '-')
