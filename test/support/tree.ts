/** What is in a directory tree, in a form that two trees can be compared by. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Properties of one path; names as binary strings, so that no byte is lost. */
export interface TreeNode {
  type: 'file' | 'directory' | 'symlink' | 'character' | 'block' | 'fifo' | 'socket'
  mode: string
  owner: string
  mtimeNs: string
  /** Of files. */
  size?: number
  sha256?: string
  target?: string
  /** `major:minor` of devices, as the one number that stat gives. */
  device?: string
  /** The first path, in order, of the same inode, where there are several. */
  sameAs?: string
  xattrs?: Record<string, string>
}

/** Every path of a tree, its root as the empty string. */
export function describeTree(root: string, { xattrs = true } = {}): Map<string, TreeNode> {
  const nodes = new Map<string, TreeNode>()
  const inodes = new Map<string, string>()
  const attributes = xattrs ? readXattrs(root) : new Map<string, Record<string, string>>()
  const visit = (path: string) => {
    const node = describeNode(root, path, inodes)
    const own = attributes.get(path)
    if (own !== undefined) node.xattrs = own
    nodes.set(path, node)
    if (node.type !== 'directory') return
    const names = readdirSync(bytesOf(root, path), { encoding: 'buffer' }).map(name => name.toString('latin1'))
    for (const name of names.sort()) visit(path === '' ? name : `${path}/${name}`)
  }
  visit('')
  return nodes
}

function bytesOf(root: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, 'latin1')])
}

function describeNode(root: string, path: string, inodes: Map<string, string>): TreeNode {
  const bytes = bytesOf(root, path)
  const stat = lstatSync(bytes, { bigint: true })
  const type = TYPES.get(Number(stat.mode & 0o170000n))!
  const node: TreeNode = {
    type,
    mode: (stat.mode & 0o7777n).toString(8),
    owner: `${stat.uid}:${stat.gid}`,
    mtimeNs: String(stat.mtimeNs),
  }
  if (type === 'file') {
    node.size = Number(stat.size)
    node.sha256 = createHash('sha256').update(readFileSync(bytes)).digest('hex')
  }
  if (type === 'symlink') node.target = readlinkSync(bytes, { encoding: 'buffer' }).toString('latin1')
  if (type === 'character' || type === 'block') node.device = String(stat.rdev)
  if (type !== 'directory' && stat.nlink > 1n) {
    const key = `${stat.dev}:${stat.ino}`
    const first = inodes.get(key)
    if (first === undefined) inodes.set(key, path)
    else node.sameAs = first
  }
  return node
}

const TYPES = new Map<number, TreeNode['type']>([
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'symlink'],
  [0o020000, 'character'],
  [0o060000, 'block'],
  [0o010000, 'fifo'],
  [0o140000, 'socket'],
])

/** getfattr (Debian package attr) is the one program that reads attributes of every kind. */
function readXattrs(root: string): Map<string, Record<string, string>> {
  const output = execFileSync('getfattr', ['-R', '-h', '-d', '-m', '-', '-e', 'hex', '--absolute-names', '.'], {
    cwd: root,
    maxBuffer: 256 * 1024 * 1024,
    // It warns about nothing that matters here, and fails by its exit code.
    stdio: ['ignore', 'pipe', 'pipe'],
  }).toString('latin1')
  const found = new Map<string, Record<string, string>>()
  for (const block of output.split('\n\n')) {
    const [head, ...lines] = block.split('\n')
    if (head === undefined || !head.startsWith('# file: ')) continue
    const path = unescapeOctal(head.slice('# file: '.length)).replace(/^\.\/?/, '')
    const pairs = lines.filter(line => line !== '').map(line => line.split('=') as [string, string])
    found.set(path, Object.fromEntries(pairs.sort()))
  }
  return found
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)))
}

/** Lines that say where two trees differ; empty when they are alike. */
export function compareTrees(
  actual: Map<string, TreeNode>,
  expected: Map<string, TreeNode>,
  ignore: (path: string, property: string) => boolean = () => false,
): string[] {
  const differences: string[] = []
  for (const path of [...new Set([...actual.keys(), ...expected.keys()])].sort()) {
    const [a, e] = [actual.get(path), expected.get(path)]
    if (a === undefined || e === undefined) {
      differences.push(`${JSON.stringify(path)}: ${a === undefined ? 'missing' : 'not expected'}`)
      continue
    }
    for (const property of new Set([...Object.keys(a), ...Object.keys(e)])) {
      const [left, right] = [a, e].map(node => JSON.stringify(node[property as keyof TreeNode]))
      if (left !== right && !ignore(path, property)) {
        differences.push(`${JSON.stringify(path)}: ${property} ${left}, expected ${right}`)
      }
    }
  }
  return differences
}
