/** Files of a container as data and as archives; a spec that is edited. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  type Container,
  type CreateOptions,
  create,
  isUtsuwaError,
  run,
  type UtsuwaErrorCode,
} from '../../../src/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'
import { writeTar } from '../../support/tar-writer.ts'
import { openDescriptors } from './support.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())
const { rootfs, runRoot } = sandbox

const withCode = (code: UtsuwaErrorCode) => (error: unknown) => isUtsuwaError(error, code)

async function sleeper(options: CreateOptions = {}): Promise<Container> {
  const box = await create({ rootfs, runRoot, stdio: 'ignore', args: ['sleep', '1000'], ...options })
  await box.start()
  return box
}

async function output(box: Container, script: string): Promise<string> {
  return (await box.exec(['sh', '-c', script], { stdio: 'capture' })).stdout ?? ''
}

test('files are there before anything runs: the command itself, and the user’s passwd', async () => {
  const result = await run({
    rootfs,
    runRoot,
    args: ['/opt/tool/run'],
    user: 'tester',
    stdio: 'capture',
    files: {
      '/opt/tool/run': {
        content: '#!/bin/sh\nid -u; stat -c "%a %u %g" /opt/tool /opt/tool/data; cat /opt/tool/data',
        mode: 0o755,
      },
      '/opt/tool/data': { content: Buffer.from('bytes'), mode: 0o640, uid: 7, gid: 4321 },
      '/etc/passwd': 'root:x:0:0::/:/bin/sh\ntester:x:4321:4321::/:/bin/sh\n',
    },
  })
  assert.equal(result.stdout, '4321\n755 0 0\n640 7 4321\nbytes', result.stderr ?? '')
})

test('files of a bundle’s spec, and a path that is none', async () => {
  const editSpec: CreateOptions['editSpec'] = spec => ({ ...spec, hostname: 'edited' })
  const options: CreateOptions = { rootfs, runRoot, stdio: 'capture', args: ['sh', '-c', 'hostname; cat /tmp/x'] }
  const result = await run({ ...options, files: { '/tmp/x': 'x\n' }, editSpec })
  assert.equal(result.stdout, 'edited\nx\n')
  await assert.rejects(run({ ...options, files: { '/': 'x' } }), withCode('INVALID_ARGUMENT'))
  const broken: CreateOptions['editSpec'] = spec => ({ ...spec, process: { ...spec.process!, args: 3 as never } })
  await assert.rejects(run({ ...options, editSpec: broken }), (error: unknown) => {
    assert.ok(isUtsuwaError(error, 'INVALID_SPEC'), String(error))
    assert.equal(error.configPointer, '/process/args')
    return true
  })
})

test('copyIn and copyOut see what the container’s processes see: its mounts, and no others', async () => {
  await using box = await sleeper({ tmpfs: ['/cache'] })
  await box.copyIn({ '/cache/deep/note': { content: 'hi', mode: 0o600, uid: 1000 }, '/tmp/empty': '' })
  assert.equal(await output(box, 'cat /cache/deep/note; stat -c "%a %u" /cache/deep/note'), 'hi600 1000\n')
  assert.ok(!existsSync(join(rootfs, 'cache/deep')))
  assert.equal((await box.copyOut('/cache/deep/note')).toString(), 'hi')
  assert.equal((await box.copyOut('/tmp/empty')).length, 0)
  assert.match((await box.copyOut('/proc/1/comm')).toString(), /^sleep\n$/)
})

test('copyIn works before the start', async () => {
  await using box = await create({ rootfs, runRoot, stdio: 'capture', args: ['cat', '/run-note'] })
  await box.copyIn({ '/run-note': 'early' })
  await box.start()
  assert.equal((await box.wait()).stdout, 'early')
})

test('archives in and out, with owners, modes, links and times', async () => {
  await using box = await sleeper()
  const archive = writeTar([
    { path: './', mode: 0o700 },
    { path: 'bin/' },
    { path: 'bin/tool', data: '#!/bin/sh\necho tool\n', mode: 0o4755, uid: 5, gid: 6 },
    { path: 'bin/same', type: '1', linkpath: 'bin/tool' },
    { path: 'bin/soft', type: '2', linkpath: 'tool', uid: 5 },
    { path: 'empty', data: '' },
  ])
  async function* inPieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < archive.length; at += 700) yield archive.subarray(at, at + 700)
  }
  for (const source of [archive, inPieces()]) await box.copyInArchive(source, { to: '/tmp/app' })
  const script = 'cd /tmp/app; stat -c "%n %a %u %g %h %Y" . bin/tool empty; readlink bin/soft; bin/same'
  const [directory, tool, empty, link, printed] = (await output(box, script)).split('\n')
  assert.match(directory!, /^\. 755 0 0/)
  assert.match(tool!, /^bin\/tool 4755 5 6 2 1000000000$/)
  assert.match(empty!, /^empty 644 0 0 1 1000000000$/)
  assert.deepEqual([link, printed], ['tool', 'tool'])

  const out = Buffer.concat(await Array.fromAsync(box.copyOutArchive('/tmp/app')))
  const names = execFileSync('tar', ['--list', '--verbose', '--numeric-owner'], { input: out, encoding: 'utf8' })
  assert.match(names, /^-rwsr-xr-x 5\/6 .*\.\/bin\/(same|tool)$/m)
  assert.match(names, /^l.* \.\/bin\/soft -> tool$/m)
})

test('an archive that would leave the directory, or is none', async () => {
  await using box = await sleeper()
  const refused: [UtsuwaErrorCode, Buffer][] = [
    ['UNSAFE_LAYER', writeTar([{ path: '../up', data: 'x' }])],
    ['UNSUPPORTED', writeTar([{ path: 'pipe', type: '6' }])],
    ['CORRUPT_LAYER', writeTar([{ path: 'cut', data: 'x'.repeat(2000) }], { end: false }).subarray(0, 1000)],
  ]
  for (const [code, archive] of refused)
    await assert.rejects(box.copyInArchive(archive, { to: '/tmp/refused' }), withCode(code), code)
  assert.equal(await output(box, 'ls -A /tmp/refused 2>/dev/null'), '')
})

test('bounds, signals, and a container that has ended', async () => {
  const before = openDescriptors()
  const box = await sleeper()
  await assert.rejects(box.copyOut('/bin/busybox', { maxBytes: 100 }), withCode('LIMIT_EXCEEDED'))
  const signal = AbortSignal.abort()
  await assert.rejects(box.copyIn({ '/tmp/x': '' }, { signal }), withCode('ABORTED'))
  await assert.rejects(box.copyOut('/bin/busybox', { signal }), withCode('ABORTED'))
  await assert.rejects(box.copyInArchive(writeTar([{ path: 'x' }]), { signal }), withCode('ABORTED'))
  box.kill(9)
  await box.wait()
  await assert.rejects(box.copyOut('/bin/busybox'), withCode('CONTAINER_NOT_RUNNING'))
  await assert.rejects(box.copyIn({ '/tmp/x': '' }), withCode('CONTAINER_NOT_RUNNING'))
  await box.delete()
  assert.ok(openDescriptors() <= before, `${openDescriptors()} descriptors, before ${before}`)
})

test('on a read-only root a file cannot be written, and the error says so', async () => {
  await using box = await sleeper({ readonlyRootfs: true, tmpfs: ['/tmp'] })
  await assert.rejects(box.copyIn({ '/etc/x': '' }), (error: unknown) => {
    assert.ok(isUtsuwaError(error, 'KERNEL_OPERATION_FAILED'), String(error))
    assert.match(error.message, /^write \/etc\/x in the container: EROFS/)
    return true
  })
  await box.copyIn({ '/tmp/x': '' })
})
