/** Writing archives of plain files, which is all that image archives are made of. */
import { Header, Pax } from 'tar'

const BLOCK = 512

export interface ArchiveFile {
  name: string
  /** Bytes. */
  size: number
  read(): AsyncIterable<Buffer> | Iterable<Buffer>
}

/**
 * An archive of these files, in order. The same files give the same bytes: owners and times are 0.
 *
 * @throws Error when a file has more or fewer bytes than its size says, and what its reader throws
 */
export async function* writeArchive(files: Iterable<ArchiveFile>): AsyncGenerator<Buffer> {
  for (const file of files) {
    yield headerOf(file)
    let written = 0
    for await (const chunk of file.read()) {
      written += chunk.length
      yield chunk
    }
    if (written !== file.size) throw new Error(`${file.name} has ${written} bytes, expected ${file.size}`)
    yield Buffer.alloc((BLOCK - (written % BLOCK)) % BLOCK)
  }
  yield Buffer.alloc(2 * BLOCK)
}

function headerOf({ name, size }: ArchiveFile): Buffer {
  const fields = { path: name, size, mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) }
  const header = new Header({ ...fields, type: 'File' })
  const block = Buffer.alloc(BLOCK)
  const needsPax = header.encode(block)
  return needsPax ? Buffer.concat([new Pax({ path: name, size }).encode(), block]) : block
}
