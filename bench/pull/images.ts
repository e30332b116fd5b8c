/** The images that are pulled. Made once, as image layouts in the user's cache. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { buildBusyboxImage, buildImage } from '../../test/support/image-builder.ts'
import { type TarEntry, writeTar } from '../../test/support/tar-writer.ts'

const run = promisify(execFile)
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'utsuwa-bench')

const MIB = 1024 ** 2
/** Of layers, uncompressed; 12 layers of about 500 MB together. */
const MIXED_SIZES = [120, 90, 70, 60, 50, 40, 30, 20, 12, 6, 2, 1].map(size => size * MIB)
const TINY_LAYERS = 100

export const IMAGES: Record<string, { description: string; build(dir: string): Promise<unknown> }> = {
  debian: {
    description: 'a Debian root in one layer, gzip',
    build: async dir => buildImage({ dir, layers: [await readFile(await debianArchive())] }),
  },
  mixed: {
    description: '12 layers of mixed size, gzip',
    build: async dir => buildImage({ dir, layers: await mixedLayers() }),
  },
  tiny: {
    description: `${TINY_LAYERS} layers of one small file, gzip`,
    build: dir =>
      buildBusyboxImage({
        dir,
        layers: Array.from({ length: TINY_LAYERS - 1 }, (_, at) => [{ path: `file-${at}`, data: `${at}\n` }]),
      }),
  },
  small: { description: 'a busybox root in one layer, gzip', build: dir => buildBusyboxImage({ dir }) },
  zstd: {
    description: 'a Debian root in one layer, zstd',
    build: async dir => buildImage({ dir, compression: 'zstd', layers: [await readFile(await debianArchive())] }),
  },
}

/** The layout directory of an image, and its tag, `latest`. */
export async function imageLayout(name: string): Promise<string> {
  const dir = join(cache, name)
  await onlyOnce(dir, async partial => {
    await IMAGES[name]!.build(partial)
  })
  return dir
}

async function debianArchive(): Promise<string> {
  const path = join(cache, 'debian.tar')
  await onlyOnce(path, partial =>
    run('mmdebstrap', [
      '--quiet',
      '--variant=important',
      '--include=python3,git,gcc',
      '--format=tar',
      'bookworm',
      partial,
    ]),
  )
  return path
}

/** Slices of a real archive as files of 200 bytes to 1 MiB: content that compresses as content does. */
async function mixedLayers(): Promise<Buffer[]> {
  const material = await readFile(await debianArchive())
  let at = 0
  return MIXED_SIZES.map((size, index) => {
    const entries: TarEntry[] = [{ path: `layer-${index}/` }]
    for (let filled = 0, file = 0; filled < size; file++) {
      const length = file % 50 === 49 ? MIB : 200 + ((file * 7919) % 40_000)
      if (at + length > material.length) at = 0
      const parent = `layer-${index}/${Math.floor(file / 100)}`
      if (file % 100 === 0) entries.push({ path: `${parent}/` })
      entries.push({ path: `${parent}/${file}`, data: material.subarray(at, at + length) })
      at += length
      filled += length
    }
    return writeTar(entries)
  })
}

async function onlyOnce(path: string, make: (partial: string) => Promise<unknown>): Promise<void> {
  if (existsSync(path)) return
  await mkdir(cache, { recursive: true })
  const partial = `${path}.${process.pid}`
  await rm(partial, { recursive: true, force: true })
  await make(partial)
  await rename(partial, path)
}
