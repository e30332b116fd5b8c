/**
 * Pulls that are killed, three at a time on one store, at random moments; what they leave must not matter to a later pull,
 * run, rmi or prune. There are 100 of them, or 25 where three pulls share one CPU, as in the VM, and each takes seconds;
 * KILLS in the environment says how many.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { images, inspectImage, prune, pull, removeImage } from '../../../src/index.ts'
import { openWorkplace, utsuwaPath, type Workplace } from '../../support/command-line.ts'
import { buildImage, pushImage } from '../../support/image-builder.ts'
import { startRegistry } from '../../support/registry.ts'
import { writeTar } from '../../support/tar-writer.ts'

const KILLS = Number(process.env.KILLS ?? (availableParallelism() > 1 ? 100 : 25))
/** Rounds without a kill are no use; more than this in all means that the moments are badly chosen. */
const MAX_ROUNDS = 2 * KILLS
/** A round in which the store is used and emptied. */
const LOOK_EVERY = 15

/** A layer of some small files and a larger one. Starting a puller costs more than the pull, and a hundred are started. */
function layer(name: string): Buffer {
  const small = Array.from({ length: 40 }, (_, index) => ({ path: `${name}/${index}`, data: `${name} ${index}` }))
  return writeTar([...small, { path: `${name}/large`, data: Buffer.alloc(500_000, name) }])
}

function mountTmpfs(path: string): Disposable {
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', path])
  return { [Symbol.dispose]: () => execFileSync('umount', ['--lazy', path]) }
}

interface Killed {
  readonly wasKilled: boolean
  readonly stderr: string
}

/** @param moment milliseconds after the start, or after the first sign of life, at which it is killed */
async function pullAndKill(words: readonly string[], from: 'start' | 'output', moment: number): Promise<Killed> {
  const child = spawn(utsuwaPath, words, { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(child, 'close')
  let stderr = ''
  const spoken = new Promise<void>(resolve => {
    child.stderr.on('data', chunk => {
      stderr += chunk
      resolve()
    })
  })
  if (from === 'output') await Promise.race([spoken, ended])
  await Promise.race([sleep(moment), ended])
  child.kill('SIGKILL')
  await ended
  return { wasKilled: child.signalCode === 'SIGKILL', stderr }
}

const ran = (child: ChildProcess): boolean => child.exitCode === 0

test(`${KILLS} pulls, three at a time, killed at random moments, leave a store that works`, {
  timeout: 1_200_000,
}, async t => {
  await using registry = await startRegistry()
  using workplace = openWorkplace()
  // In memory, where a pull is bounded by what it computes: more moments are within it, and fewer in waiting for a disk.
  const root = join(workplace.directory, 'store')
  mkdirSync(root)
  using _disk = mountTmpfs(root)
  const busybox = writeTar([{ path: 'bin/busybox', mode: 0o755, data: readFileSync('/bin/busybox') }])
  const base = [busybox, layer('base')]
  const [one, two] = [`${registry.host}/one:test`, `${registry.host}/two:test`]
  for (const [name, layers] of [
    [one, [...base, layer('one')]],
    [two, [...base, layer('two'), layer('last')]],
  ] satisfies [string, Buffer[]][]) {
    const dir = join(workplace.directory, name.replaceAll(/\W/g, '-'))
    await buildImage({ dir, layers })
    await pushImage(dir, name)
  }
  const words = (image: string): string[] => workplace.argv('pull', '--progress', 'plain', image)
  // Two of them want the same.
  const wanted = [one, two, one]

  const begin = performance.now()
  const undisturbed = wanted.map(image => spawn(utsuwaPath, words(image), { stdio: 'ignore' }))
  await Promise.all(undisturbed.map(child => once(child, 'close')))
  assert.ok(undisturbed.every(ran))
  const duration = performance.now() - begin
  await useAndEmpty(workplace, root, [one, two])

  let kills = 0
  let round = 0
  // Kills fall from the beginning of a pull to its end, wherever on this machine and with what is left over that is.
  let window = duration / 2
  for (; kills < KILLS; round++) {
    assert.ok(round < MAX_ROUNDS, `only ${kills} of ${KILLS} were killed before they had ended`)
    const outcomes = await Promise.all(
      wanted.map((image, index) =>
        pullAndKill(words(image), index === round % 3 ? 'start' : 'output', Math.random() * window),
      ),
    )
    const killed = outcomes.filter(({ wasKilled }) => wasKilled).length
    kills += killed
    window *= killed === wanted.length ? 1.1 : 0.8
    for (const { wasKilled, stderr } of outcomes) if (!wasKilled) assert.doesNotMatch(stderr, /^utsuwa:/m)
    // What the store lists is whole.
    for (const { reference } of await images({ root })) {
      const { layers } = await inspectImage(reference, { root })
      assert.ok(
        layers.every(({ unpackedSize }) => unpackedSize !== undefined),
        reference,
      )
      await removeImage(reference, { root })
    }
    if (round % LOOK_EVERY === LOOK_EVERY - 1) await useAndEmpty(workplace, root, [one, two])
  }
  await useAndEmpty(workplace, root, [one, two])
  t.diagnostic(`${kills} kills in ${round} rounds; three undisturbed pulls take ${Math.round(duration)} ms`)
})

/** Everything that is done with a store works, and in the end nothing is left in it. */
async function useAndEmpty(workplace: Workplace, root: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await pull(name, { root })
    const { exitCode, stdout, stderr } = await workplace.utsuwa('run', '--rm', name, '/bin/busybox', 'cat', 'base/39')
    assert.equal(exitCode, 0, stderr)
    assert.equal(stdout, 'base 39')
  }
  await removeImage(names[0]!, { root })
  const { images: removed } = await prune({ root, all: true })
  assert.deepEqual(
    removed.map(({ untagged }) => untagged),
    [[names[1]]],
  )
  for (const directory of ['layers', 'tmp', 'containers', 'oci/blobs/sha256'])
    assert.deepEqual(readdirSync(join(root, directory)), [], directory)
  assert.ok(!existsSync(join(root, 'partial')))
}
