/**
 * The applier alone, fed what TypeScript would never send (docs/adr/0004-unpack-confinement.md).
 *
 * Seen to fail with one wall taken out at a time (native/applier_confine.c): the cage, the flags of its mount, the
 * closing of descriptors, the capabilities, the filter, the limits; the test of each wall failed. With the flags of
 * openat2 (native/applier_tree.c) taken out as well as the cage, files went elsewhere; with directories of the store
 * made 0755, the last test failed.
 */
import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeStore } from '../../src/content/paths.ts'
import { acquireWorkDirectory } from '../../src/content/work-directory.ts'
import { Appliers } from '../../src/layer/applier.ts'
import { type ApplierRecord, applierVocabulary } from '../../src/layer/records.ts'
import { RecordWriter } from '../../src/util/wire.ts'
import { describeTree } from '../support/tree.ts'

let directory: string
let layer: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'utsuwa-confinement-'))
  layer = join(directory, 'layer')
  mkdirSync(layer)
  writeFileSync(join(directory, 'secret'), 'secret')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const owner = { uid: 0, gid: 0 }
const mtime = { mtimeSeconds: 0, mtimeNanoseconds: 0 }
const file = (path: string): ApplierRecord => ({
  op: 'file',
  path: Buffer.from(path),
  mode: 0o644,
  ...owner,
  ...mtime,
  size: 0,
})
const symlink = (path: string, target: string): ApplierRecord => ({
  op: 'symlink',
  path: Buffer.from(path),
  target: Buffer.from(target),
  ...owner,
  ...mtime,
})

async function apply(...records: ApplierRecord[]): Promise<void> {
  const writer = new RecordWriter(applierVocabulary)
  for (const record of records) writer.write(record)
  await using appliers = new Appliers()
  await using applier = await appliers.start(layer)
  await applier.write([writer.take()])
  await applier.finish()
}

/** Processes called `applier` that a process has started. */
/** Reaped, or about to be. */
function hasEnded(pid: number): boolean {
  try {
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return true
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc').flatMap(name => {
    try {
      const stat = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/stat`, 'utf8') : ''
      return new RegExp(`^\\d+ \\(applier\\) . ${parent} `).test(stat) ? [Number(name)] : []
    } catch {
      return [] // It has ended.
    }
  })
}

describe('the applier', () => {
  it('makes what it is told', async () => {
    await apply(file('a/b'), symlink('a/l', 'b'))
    assert.deepEqual([...describeTree(layer).keys()], ['', 'a', 'a/b', 'a/l'])
  })

  it('does not leave the root by .., an absolute path, or a link', async () => {
    await apply(
      file('../../secret'),
      file('/secret'),
      symlink('up', '../..'),
      file('up/y'),
      symlink('root', '/'),
      file('root/z'),
    )
    assert.deepEqual([...describeTree(layer).keys()], ['', 'root', 'secret', 'up', 'y', 'z'])
    assert.equal(statSync(join(directory, 'secret')).size, 6)
  })

  it('refuses names that are no names', async () => {
    for (const path of ['', '.', '..', 'a/', 'a/..', 'a/.', 'nul\0byte']) {
      await assert.rejects(apply(file(path)), { code: 'CORRUPT_LAYER' }, JSON.stringify(path))
    }
  })

  it('sees no proc, no device and nothing else of the host', async () => {
    const link: ApplierRecord = { op: 'hardlink', path: Buffer.from('x'), target: Buffer.from('proc/self/status') }
    await assert.rejects(apply(link), { code: 'CORRUPT_LAYER' })
  })

  it('refuses a beginning in the middle, and garbage', async () => {
    await assert.rejects(apply({ op: 'begin', hash: 1n, impliedDirectories: 0 }), { message: /EPROTO/ })
    await using appliers = new Appliers()
    await using applier = await appliers.start(layer)
    await applier.write([Buffer.alloc(4096, 0xff)])
    await assert.rejects(applier.finish(), { code: 'KERNEL_OPERATION_FAILED' })
  })

  it('says which signal ended it', async () => {
    await using appliers = new Appliers()
    await using applier = await appliers.start(layer)
    await applier.write([Buffer.from([40, 0, 0, 0])])
    const [program] = childrenOf(process.pid)
    let children: number[] = []
    for (; children.length === 0; await sleep(5)) children = childrenOf(program!)
    process.kill(children[0]!, 'SIGKILL')
    await assert.rejects(applier.finish(), {
      code: 'KERNEL_OPERATION_FAILED',
      message: 'unpack layer: the applier: killed by SIGKILL',
    })
  })

  it('says which signal ended the program that starts them', async () => {
    await using appliers = new Appliers()
    const [program] = childrenOf(process.pid)
    process.kill(program!, 'SIGKILL')
    // What it had open is closed a moment after the signal.
    while (!hasEnded(program!)) await sleep(5)
    await assert.rejects(appliers.start(layer), {
      code: 'KERNEL_OPERATION_FAILED',
      message: 'unpack layer: the applier: killed by SIGKILL',
    })
  })

  it('ends when its input ends, and says so', async () => {
    await using appliers = new Appliers()
    const applier = await appliers.start(layer)
    await applier.write([Buffer.from([40, 0, 0, 0])])
    await applier[Symbol.asyncDispose]()
  })
})

describe('the walls around the applier', () => {
  let appliers: Appliers
  let stop: () => Promise<void>
  let pid: number
  /** One that has made its first file, and waits for more. */
  beforeEach(async () => {
    appliers = new Appliers()
    const applier = await appliers.start(layer)
    const writer = new RecordWriter(applierVocabulary)
    writer.write(file('waiting'))
    await applier.write([writer.take()])
    while (!existsSync(join(layer, 'waiting'))) await sleep(5)
    const [program] = childrenOf(process.pid)
    pid = childrenOf(program!)[0]!
    stop = () => applier[Symbol.asyncDispose]()
  })
  afterEach(async () => {
    await stop()
    await appliers[Symbol.asyncDispose]()
  })
  const readProc = (name: string): string => readFileSync(`/proc/${pid}/${name}`, 'utf8')

  it('a mount namespace that holds the layer and nothing else, in which no device or setuid bit counts', () => {
    const mounts = readProc('mountinfo').trimEnd().split('\n')
    assert.equal(mounts.length, 1, mounts.join('\n'))
    const [, , , , mountPoint, options] = mounts[0]!.split(' ')
    assert.equal(mountPoint, '/')
    for (const option of ['nosuid', 'nodev', 'noexec']) assert.ok(options!.split(',').includes(option), String(options))
    assert.deepEqual(readdirSync(`/proc/${pid}/root`), ['waiting'])
    assert.deepEqual(readdirSync(`/proc/${pid}/cwd`), ['waiting'])
  })

  it('seven capabilities, no way to more, and a filter of system calls', () => {
    const status = readProc('status')
    const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)$`, 'm').exec(status)?.[1]
    // CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SYS_ADMIN, MKNOD, SETFCAP
    for (const set of ['CapEff', 'CapPrm']) assert.equal(field(set), '000000008820001b', set)
    assert.equal(field('CapInh'), '0000000000000000')
    assert.deepEqual([field('NoNewPrivs'), field('Seccomp')], ['1', '2'])
  })

  it('no descriptor of the host: the layer, and pipes', () => {
    const directory = `/proc/${pid}/fd`
    for (const fd of readdirSync(directory)) {
      const target = readlinkSync(join(directory, fd))
      if (Number(fd) < 3) continue
      assert.ok(target === '/' || target.startsWith('/waiting'), `${fd} -> ${target}`)
    }
  })

  it('limits: no child, no core, bounded memory', () => {
    const limits = readProc('limits')
    for (const [name, limit] of Object.entries({ 'core file size': 0, processes: 0, 'address space': 32 * 1024 ** 2 }))
      assert.match(limits, new RegExp(`^Max ${name}\\s+${limit}\\s+${limit}\\s`, 'm'))
    assert.match(limits, /^Max cpu time\s+3600\s+3601\s/m)
  })
})

describe('the store', () => {
  it('lets nobody but root look into layers and containers (CVE-2021-41103)', async () => {
    const root = join(directory, 'store')
    await makeStore(root)
    assert.equal(statSync(root).mode & 0o777, 0o711)
    await using work = await acquireWorkDirectory(root, 'x')
    for (const path of [...['layers', 'containers', 'tmp', 'oci'].map(name => join(root, name)), work.path]) {
      assert.equal(statSync(path).mode & 0o077, 0, path)
    }
  })
})
