/** What a run works on: roots on small file systems, registries, images, bundles, plugins that can be made to fail. */
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { defaultBundleSpec } from '../../src/cli/oci/default-spec.ts'
import { makeBusyboxRoot } from '../support/command-line.ts'
import { buildBusyboxImage, busyboxEntries, pushImage } from '../support/image-builder.ts'
import { imageOf, type ScriptedRegistry, serve, startScripted } from '../support/misbehaving-registry.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { writeTar } from '../support/tar-writer.ts'
import type { Program } from './command.ts'
import { type Mood, misbehave } from './moods.ts'
import type { Random } from './random.ts'

const bin = resolve(import.meta.dirname, '../../bin')
const PLUGIN_PLACES = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni']
const MIB = 1024 ** 2

/** What each bundle of `utsuwa-oci` executes. */
const BUNDLES = { sleeps: 'sleep 1000', ends: 'exit 3', prints: 'while echo tick; do sleep 0.1; done' }

export class World implements AsyncDisposable {
  /** Where the two small file systems are mounted. */
  readonly storeDisk: string
  readonly runDisk: string
  readonly root: string
  readonly runRoot: string
  readonly ociRoot: string
  /** For files of callers, on the machine's disk. */
  readonly scratch: string
  readonly pluginDirectory: string
  readonly bundles: readonly string[]
  /** References that can be pulled; the last one is of the registry that misbehaves. */
  readonly images: readonly string[]
  /** What that registry does at present. */
  mood: Mood = 'well'
  readonly #registry: TestRegistry
  readonly #scripted: ScriptedRegistry

  private constructor(
    directory: string,
    parts: { registry: TestRegistry; scripted: ScriptedRegistry; images: readonly string[]; bundles: string[] },
  ) {
    this.storeDisk = join(directory, 'store')
    this.runDisk = join(directory, 'run')
    this.root = join(this.storeDisk, 'utsuwa')
    this.runRoot = join(this.runDisk, 'utsuwa')
    this.ociRoot = join(this.runDisk, 'oci')
    this.scratch = join(directory, 'scratch')
    this.pluginDirectory = join(directory, 'plugins')
    this.bundles = parts.bundles
    this.images = parts.images
    this.#registry = parts.registry
    this.#scripted = parts.scripted
  }

  /** @param directory where `enter.sh` has mounted `store` and `run` */
  static async open(directory: string, random: Random): Promise<World> {
    const scratch = join(directory, 'scratch')
    mkdirSync(scratch, { recursive: true })
    process.env.TMPDIR = scratch
    const registry = await startRegistry()
    const images = await pushImages(registry, scratch, random)
    const app = imageOf([writeTar(await busyboxEntries()), noise(random, 2)])
    let world: World | undefined
    const scripted = await startScripted((request, response) =>
      misbehave(world?.mood ?? 'well', response, () => serve(app, request, response)),
    )
    images.push(`${scripted.host}/app:v1`)
    world = new World(directory, { registry, scripted, images, bundles: makeBundles(directory) })
    wrapPlugins(world.pluginDirectory)
    return world
  }

  /** The words that execute one of the command lines with the roots of this world. */
  words(program: Program, words: readonly string[]): [string, ...string[]] {
    return program === 'utsuwa'
      ? [join(bin, 'utsuwa'), '--root', this.root, '--run-root', this.runRoot, ...words]
      : [join(bin, 'utsuwa-oci'), '--root', this.ociRoot, ...words]
  }

  get environment(): NodeJS.ProcessEnv {
    return { ...process.env, CNI_PATH: this.pluginDirectory }
  }

  /** What was asked for is of no use here, and would be remembered for hours. */
  forgetRequests(): void {
    this.#scripted.requests.length = 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scripted[Symbol.asyncDispose]()
    await this.#registry[Symbol.asyncDispose]()
  }
}

/** Two images that share a layer, one of which has a large one besides. */
async function pushImages(registry: TestRegistry, scratch: string, random: Random): Promise<string[]> {
  const layers = { small: [], large: [[{ path: 'noise', data: bytes(random, 3) }]] }
  const references: string[] = []
  for (const [name, more] of Object.entries(layers)) {
    const { dir } = await buildBusyboxImage({ dir: join(scratch, `image-${name}`), layers: more })
    references.push(`${registry.host}/${name}:1`)
    await pushImage(dir, references.at(-1)!)
  }
  return references
}

const noise = (random: Random, mebibytes: number): Buffer =>
  writeTar([{ path: 'noise', data: bytes(random, mebibytes) }])

/** What does not compress. */
function bytes(random: Random, mebibytes: number): Buffer {
  const words = new Uint32Array((mebibytes * MIB) / 4)
  for (const index of words.keys()) words[index] = random.next() * 2 ** 32
  return Buffer.from(words.buffer)
}

function makeBundles(directory: string): string[] {
  const rootfs = makeBusyboxRoot(directory)
  return Object.entries(BUNDLES).map(([name, script]) => {
    const bundle = join(directory, `bundle-${name}`)
    mkdirSync(bundle)
    const spec = defaultBundleSpec({ cgroupNamespace: true })
    const init = { ...spec.process!, args: ['sh', '-c', script], terminal: false }
    writeFileSync(
      join(bundle, 'config.json'),
      JSON.stringify({ ...spec, process: init, root: { path: rootfs, readonly: true } }),
    )
    return bundle
  })
}

/** Plugins as they are, but for those whose name is that of a file in `failing`, which says how they fail. */
function wrapPlugins(directory: string): void {
  const place = PLUGIN_PLACES.find(path => existsSync(path))
  if (place === undefined) throw new Error('there are no CNI plugins: apt-get install containernetworking-plugins')
  const failing = join(directory, 'failing')
  mkdirSync(failing, { recursive: true })
  for (const type of readdirSync(place)) {
    const script = `#!/bin/sh
if [ -e ${failing}/${type} ]; then
  cat >/dev/null
  case $(cat ${failing}/${type} 2>/dev/null) in
  error) echo '{"cniVersion":"1.0.0","code":100,"msg":"asked to fail"}'; exit 1 ;;
  killed) kill -9 $$ ;;
  garbage) echo 'no JSON {'; exit 0 ;;
  esac
fi
exec ${place}/${type}
`
    writeFileSync(join(directory, type), script)
    chmodSync(join(directory, type), 0o755)
  }
}
