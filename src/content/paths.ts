/**
 * Where things lie below the store root (default /var/lib/utsuwa):
 *
 *     oci/                  an OCI image layout: oci-layout, index.json, blobs/
 *     layers/DIFF_ID/       one unpacked layer: fs/, layer.json
 *     containers/ID/        one active snapshot: upper/, work/, snapshot.json
 *     partial/DIGEST        what has arrived of a blob; complete and verified, it moves to oci/blobs/
 *     tmp/                  work in progress, with a lock on each directory; what is not locked is left over
 *     lock, index.lock      see lock.ts
 *     reserve               see reserve.ts
 */
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import { type AnyDigest, algorithmOf, type Digest, hexOf } from '../spec/digest.ts'
import { errnoOf } from '../util/errno.ts'
import { writeDurably } from './durable.ts'

export const layoutPath = (root: string) => join(root, 'oci')
export const indexPath = (root: string) => join(root, 'oci/index.json')
export const blobPath = (root: string, digest: Digest) => join(root, 'oci/blobs', algorithmOf(digest), hexOf(digest))
export const partialsPath = (root: string) => join(root, 'partial')
export const partialPath = (root: string, digest: Digest) => join(root, 'partial', digest.replace(':', '-'))
export const layersPath = (root: string) => join(root, 'layers')
export const containersPath = (root: string) => join(root, 'containers')
export const tmpPath = (root: string) => join(root, 'tmp')
export const storeLockPath = (root: string) => join(root, 'lock')
export const reservePath = (root: string) => join(root, 'reserve')
export const indexLockPath = (root: string) => join(root, 'index.lock')

/** A name for work on something that has a digest: the same for all who want the same. */
export const workName = (kind: 'blob' | 'layer', digest: AnyDigest) => `${kind}-${algorithmOf(digest)}-${hexOf(digest)}`

/**
 * Makes the directories of a store that are missing. Only root may look into them: layers hold set-user-id programs of
 * any age that no user of the host may see (CVE-2021-41103).
 *
 * @throws UtsuwaError NOT_ROOT, NO_SPACE, STORE_CORRUPT
 */
export async function makeStore(root: string): Promise<void> {
  // Made last, so it tells that all is there. Every start of a container comes through here.
  if (existsSync(indexPath(root))) return
  try {
    await mkdir(root, { recursive: true, mode: 0o711 })
    for (const directory of ['layers', 'containers', 'tmp', 'oci', 'oci/blobs/sha256', 'oci/blobs/sha512']) {
      await mkdir(join(root, directory), { recursive: true, mode: 0o700 })
    }
    await writeIfMissing(root, join(layoutPath(root), 'oci-layout'), { imageLayoutVersion: '1.0.0' })
    await writeIfMissing(root, indexPath(root), { schemaVersion: 2, manifests: [] })
  } catch (cause) {
    if (cause instanceof UtsuwaError) throw cause
    throw storeError(cause, `make the image store ${root}`)
  }
}

async function writeIfMissing(root: string, path: string, json: unknown): Promise<void> {
  await writeDurably(path, JSON.stringify(json), { temporaryDirectory: tmpPath(root), replace: false })
}

/** A system error about the store, with the code that says what to do about it. */
export function storeError(cause: unknown, operation: string): UtsuwaError {
  if (cause instanceof UtsuwaError) return cause
  const errno = errnoOf(cause)
  const name = cause instanceof Error && 'code' in cause ? cause.code : undefined
  const code =
    name === 'ENOSPC' || name === 'EDQUOT'
      ? 'NO_SPACE'
      : name === 'EACCES' || name === 'EPERM'
        ? 'NOT_ROOT'
        : 'STORE_CORRUPT'
  return new UtsuwaError(code, errno === undefined ? String(cause) : undefined, {
    operation,
    cause,
    errno,
  })
}
