import type { Command } from 'commander'
import { type Image, images } from '../../index.ts'
import { formatAge, formatSize, printable, shortId } from '../format.ts'
import { addListFlags, type ListFlags, printedAsJson } from '../output-format.ts'
import { rootsOf } from '../roots.ts'
import { formatTable } from '../table.ts'
import { writeAll } from '../write.ts'

export function define(command: Command): void {
  addListFlags(command).action(async (flags: ListFlags) => {
    const list = await images(rootsOf(command))
    if (flags.quiet) writeAll(1, list.map(({ id }) => `${shortId(id)}\n`).join(''))
    else if (!printedAsJson(flags, list.map(summarize))) writeAll(1, table(list, Date.now()))
  })
}

function summarize({ reference, id, manifestDigest, size, created }: Image): object {
  return { reference, id, digest: manifestDigest, size, created }
}

function table(list: readonly Image[], now: number): string {
  return formatTable(
    ['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE'],
    list.map(({ reference, id, created, size }) => [
      ...splitReference(printable(reference)),
      shortId(id),
      formatAge(created, now),
      formatSize(size),
    ]),
  )
}

/** `localhost:5000/a:1` → repository and tag; an image that is named by its digest has no tag. */
export function splitReference(reference: string): [string, string] {
  const [name = '', digest] = reference.split('@')
  const tag = digest === undefined ? /:([^/:]*)$/.exec(name)?.[1] : undefined
  return tag === undefined ? [name, '<none>'] : [name.slice(0, -tag.length - 1), tag]
}
