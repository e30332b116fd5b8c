/**
 * What TypeScript tells the applier: one record an entry of a layer, in the order of the archive.
 *
 * Paths are the archive's bytes, relative to the layer's root, without empty, `.` or `..` components; the empty path is
 * the root itself. `tools/generate-wire.ts` makes the C side of this file.
 */
import { choice, type RecordOf, type Vocabulary } from '../util/wire.ts'

const owner = { uid: 'u32', gid: 'u32' } as const
/** Seconds since the epoch, and nanoseconds on top. */
const mtime = { mtimeSeconds: 'i64', mtimeNanoseconds: 'u32' } as const

export const applierVocabulary = {
  name: 'applier',
  choices: [
    /** What the applier was doing when it failed. */
    choice('step', [
      'read',
      'confine',
      'parent',
      /** A missing parent was one more than it may make. */
      'imply',
      'create',
      'remove',
      'write',
      'own',
      'mode',
      'attribute',
      'times',
      /** A signal ended it; errno is the signal's number. */
      'died',
    ]),
  ],
  types: {
    /** First of all. `hash` is the vocabulary's: an applier of another build refuses. */
    begin: { hash: 'u64', impliedDirectories: 'u32' },
    /**
     * Missing parents of this and of all other entries are made with mode 0755 and owner 0:0: one an entry, and
     * `impliedDirectories` more.
     */
    directory: { path: 'bytes', mode: 'u32', ...owner, ...mtime },
    /** The content follows as `size` bytes outside of the record. */
    file: { path: 'bytes', mode: 'u32', ...owner, ...mtime, size: 'u64' },
    symlink: { path: 'bytes', target: 'bytes', ...owner, ...mtime },
    hardlink: { path: 'bytes', target: 'bytes' },
    node: {
      path: 'bytes',
      kind: choice('node_kind', ['character', 'block', 'fifo']),
      mode: 'u32',
      ...owner,
      ...mtime,
      major: 'u32',
      minor: 'u32',
    },
    /** Hides what lower layers have at `path`, not what this layer has there. */
    whiteout: { path: 'bytes' },
    /** Hides what lower layers have in the directory `path`. */
    opaque: { path: 'bytes' },
    /** An extended attribute of the entry that came last. */
    attribute: { name: 'string', value: 'bytes' },
    /** Last of all: success is reported. Flushing to disk is up to the caller. */
    end: {},
  },
} as const satisfies Vocabulary

export type ApplierRecord = RecordOf<typeof applierVocabulary>
export type ApplierStep = (typeof applierVocabulary.choices)[0]['choices'][number]
