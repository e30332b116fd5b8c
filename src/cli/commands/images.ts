import type { Command } from 'commander'
import { type Image, images } from '../../index.ts'
import { imageFilter, referenceTest } from '../filters/image-filter.ts'
import { collect } from '../flags/collect.ts'
import { addListFlags, type ListFlags, printedAsJson } from '../flags/output-format.ts'
import { rootsOf } from '../flags/roots.ts'
import { formatAge, formatSize, printable, shortId } from '../print/format.ts'
import { formatTable } from '../print/table.ts'
import { writeAll } from '../print/write.ts'

interface ImagesFlags extends ListFlags {
  readonly all?: boolean
  readonly digests?: boolean
  readonly filter?: string[]
  /** Negated flag: false when given. */
  readonly trunc: boolean
}

export const examples = ['utsuwa images', 'utsuwa images --filter dangling=true -q']

export function define(command: Command): void {
  addListFlags(command)
    .argument('[NAME]', 'only images of this name; may hold * and ?')
    .option('-a, --all', 'all images, which is what is shown anyway')
    .option('--digests', 'also the digest of the manifest')
    .option('-f, --filter <FILTER>', 'such as dangling=true, label=NAME, reference=PATTERN, since=IMAGE', collect)
    .option('--no-trunc', 'ids in full')
    .action(async (name: string | undefined, flags: ImagesFlags) => {
      const roots = rootsOf(command)
      const passes = await imageFilter(flags.filter ?? [], roots)
      const isNamed = name === undefined ? () => true : referenceTest(name)
      const list = (await images(roots)).filter(image => passes(image) && isNamed(image))
      if (flags.quiet) writeAll(1, quiet(list, flags))
      else if (!printedAsJson(flags, list.map(summarize))) writeAll(1, table(list, flags, Date.now()))
    })
}

function summarize({ reference, id, manifestDigest, size, created, config }: Image): object {
  const [repository, tag] = splitReference(reference)
  return { reference, repository, tag, id, digest: manifestDigest, size, created, labels: config.config?.Labels ?? {} }
}

/** Each id once, whatever names lead to it: these lines are the arguments of the next command. */
function quiet(list: readonly Image[], { trunc }: ImagesFlags): string {
  const ids = new Set(list.map(({ id }) => (trunc ? shortId(id) : id)))
  return [...ids].map(id => `${id}\n`).join('')
}

function table(list: readonly Image[], { digests, trunc }: ImagesFlags, now: number): string {
  const withDigest = (digest: string): string[] => (digests ? [digest] : [])
  return formatTable(
    ['REPOSITORY', 'TAG', ...withDigest('DIGEST'), 'IMAGE ID', 'CREATED', 'SIZE'],
    list.map(({ reference, manifestDigest, id, created, size }) => [
      ...splitReference(printable(reference)),
      ...withDigest(manifestDigest),
      trunc ? shortId(id) : id,
      formatAge(created, now),
      formatSize(size),
    ]),
  )
}

/** `localhost:5000/a:1` → repository and tag; an image that is named by its digest has no tag, others not even a name. */
export function splitReference(reference: string): [string, string] {
  const [name = '', digest] = reference.split('@')
  const tag = /:([^/:]*)$/.exec(name)?.[1]
  if (tag !== undefined) return [name.slice(0, -tag.length - 1), tag]
  return [name === '' && digest !== undefined ? '<none>' : name, '<none>']
}
