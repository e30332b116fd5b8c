/** From the entries of an archive to records for the applier: what an OCI layer means on top of plain tar. */
import { RecordWriter } from '../util/wire.ts'
import type { LayerLimits } from './limits.ts'
import { baseOf, checkDepth, corrupt, entryPath, parentOf, unsafe } from './path.ts'
import type { Time } from './pax.ts'
import { applierVocabulary } from './records.ts'
import type { TarEntry, TarHandler } from './tar.ts'

const WHITEOUT = '.wh.'
const OPAQUE = '.wh..wh..opq'
/** Housekeeping of aufs, which old images still carry. */
const AUFS = '.wh..wh.'

/**
 * Attributes through which an image could steer overlayfs itself: a redirect would show a directory of another layer
 * under a name of the image's choice.
 */
const OVERLAY_ATTRIBUTE = /^(?:trusted|user)\.overlay\./
/** Labels belong to the policy of the host that made them. */
const IGNORED_ATTRIBUTES = new Set(['security.selinux'])

/** Smaller pieces of content are copied to the records around them, so that one write carries many small files. */
const COPY_BELOW = 16 * 1024

const bytes = (binary: string) => Buffer.from(binary, 'latin1')

export interface RootDirectory {
  mode: number
  uid: number
  gid: number
}

export class LayerTranslator implements TarHandler {
  /** The layer hides everything below it. Overlayfs does not look at the root of a lower layer, so the snapshot must. */
  opaqueRoot = false
  /** Owner and mode of the layer's root, where the archive has an entry for it. */
  root: RootDirectory | undefined
  readonly #limits: LayerLimits
  readonly #writer = new RecordWriter(applierVocabulary)
  #parts: Buffer[] = []
  /** Attributes of the last entry. */
  #attributes: { path: string; xattrs: Map<string, Buffer> } | undefined
  #skipContent = false

  constructor(limits: LayerLimits) {
    this.#limits = limits
  }

  entry(entry: TarEntry): void {
    const path = entryPath(entry.path, this.#limits)
    this.#skipContent = false
    if (path.includes(WHITEOUT) && this.#whiteout(path)) {
      this.#skipContent = true
      return
    }
    if (path === '' && entry.type !== '5') throw unsafe(entry.path, 'the root of a layer must be a directory')
    this.#write(entry, path)
    if (path === '') this.root = { mode: entry.mode, uid: entry.uid, gid: entry.gid }
    if (entry.xattrs !== undefined) this.#attributes = { path, xattrs: entry.xattrs }
  }

  content(chunk: Buffer): void {
    if (this.#skipContent) return
    if (chunk.length < COPY_BELOW) this.#writer.writeRaw(chunk)
    else this.#parts.push(...this.#records(), chunk)
  }

  /**
   * What was written since the last call, in order. Large pieces of content are views of the chunks they came in; the
   * rest stays as it is until `rewind()`.
   */
  take(): Buffer[] {
    const parts = [...this.#parts, ...this.#records()]
    this.#parts = []
    return parts
  }

  /** Uses the memory of what was taken again. */
  rewind(): void {
    this.#writer.rewind()
  }

  #records(): Buffer[] {
    return this.#writer.length === 0 ? [] : [this.#writer.take()]
  }

  /** True when the name is no entry but a sign. The prefix is reserved (image-spec layer.md, "Whiteouts"). */
  #whiteout(path: string): boolean {
    const base = baseOf(path)
    const parent = parentOf(path)
    if (base === OPAQUE) {
      if (parent === '') this.opaqueRoot = true
      else this.#writer.write({ op: 'opaque', path: bytes(parent) })
      return true
    }
    if (path.startsWith(AUFS) || base.startsWith(AUFS)) return true
    if (`/${parent}`.includes(`/${WHITEOUT}`)) throw unsafe(path, 'a directory name begins with .wh.')
    if (!base.startsWith(WHITEOUT)) return false
    const hidden = base.slice(WHITEOUT.length)
    if (hidden === '' || hidden === '.' || hidden === '..') throw unsafe(path, 'a whiteout of no name')
    this.#writer.write({ op: 'whiteout', path: bytes(parent === '' ? hidden : `${parent}/${hidden}`) })
    return true
  }

  #write(entry: TarEntry, path: string): void {
    const { mode, uid, gid, mtime } = entry
    const common = { path: bytes(path), uid, gid }
    const times = timesOf(mtime)
    switch (entry.type) {
      case '0':
        this.#writer.write({ op: 'file', ...common, mode, ...times, size: entry.size })
        break
      case '1': {
        const target = entryPath(entry.linkpath, this.#limits)
        if (target === '') throw unsafe(entry.path, 'a hard link to the root')
        this.#writer.write({ op: 'hardlink', path: common.path, target: bytes(target) })
        break
      }
      case '2':
        if (entry.linkpath === '') throw corrupt('a symbolic link without target', entry.path)
        if (entry.linkpath.includes('\0')) throw unsafe(entry.path, 'its target contains a NUL byte')
        // Whatever leads through it takes the kernel these steps again.
        checkDepth(entry.linkpath, this.#limits.linkDepth)
        this.#writer.write({ op: 'symlink', ...common, target: bytes(entry.linkpath), ...times })
        break
      case '5':
        this.#writer.write({ op: 'directory', ...common, mode, ...times })
        break
      case '3':
        if (entry.major === 0 && entry.minor === 0) throw unsafe(entry.path, 'device 0:0 is a whiteout of overlayfs')
        this.#node(entry, path, 'character')
        break
      case '4':
        this.#node(entry, path, 'block')
        break
      case '6':
        this.#node(entry, path, 'fifo')
        break
    }
  }

  #node({ mode, uid, gid, mtime, major, minor }: TarEntry, path: string, kind: 'character' | 'block' | 'fifo'): void {
    this.#writer.write({ op: 'node', path: bytes(path), kind, mode, uid, gid, ...timesOf(mtime), major, minor })
  }

  /** Attributes come after the content, which follows its record directly. */
  entryEnds(): void {
    if (this.#attributes === undefined) return
    const { path, xattrs } = this.#attributes
    this.#attributes = undefined
    for (const [name, value] of xattrs) {
      if (IGNORED_ATTRIBUTES.has(name)) continue
      if (OVERLAY_ATTRIBUTE.test(name)) throw unsafe(path, `attribute ${name} would steer overlayfs`)
      if (name === '' || name.includes('\0')) throw unsafe(path, 'an extended attribute without a valid name')
      this.#writer.write({ op: 'attribute', name, value })
    }
  }
}

function timesOf({ seconds, nanoseconds }: Time): { mtimeSeconds: number; mtimeNanoseconds: number } {
  return { mtimeSeconds: seconds, mtimeNanoseconds: nanoseconds }
}
