/**
 * What the runtime keeps of a container, and the sockets by which it is started, are for its user alone, whatever the
 * umask of the caller: who connects to the start socket starts the container, state.json and spec.json hold environments
 * with secrets. The directories of layers hold setuid programs of images (CVE-2021-41103 and 2024-25621 of containerd).
 *
 * Seen to fail with the modes of src/runtime/state/record.ts made 0755 and 0644: all files of the container were reached;
 * with the mode of sockets (native/libutsuwa.c) left to the umask: start.sock was; with those of
 * src/runtime/state/names.ts and src/content made 0755: names were read and the setuid program executed.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { makeStore } from '../../src/content/paths.ts'
import { acquireWorkDirectory } from '../../src/content/work-directory.ts'
import { claimName, namesDirectory } from '../../src/runtime/state/names.ts'
import { Playground } from '../integration/oci/runtime.ts'

/** Which of these, and of what it finds below the directory, nobody (65534) may read or write. */
function reachableByNobody(directory: string, paths: readonly string[] = []): string[] {
  const script = `
    find "$1" -mindepth 1 2>/dev/null
    for path; do { [ -r "$path" ] || [ -w "$path" ]; } && echo "$path"; done; true`
  const { status, stdout, stderr } = spawnSync('sh', ['-c', script, 'sh', directory, ...paths], {
    uid: 65534,
    gid: 65534,
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  return stdout.split('\n').filter(Boolean)
}

let umask: number
before(() => {
  umask = process.umask(0)
})
after(() => process.umask(umask))

describe('with an umask of 0, another user', () => {
  it('reads, lists, writes and connects to nothing of a container', async t => {
    const ground = new Playground(t)
    chmodSync(ground.directory, 0o755)
    ground.configure(['true'])
    const id = await ground.create([], { env: { NOTIFY_SOCKET: join(ground.directory, 'notify.sock') } })
    // To connect to a socket is to write to it (unix(7)).
    const known = ['', 'state.json', 'spec.json', 'start.sock'].map(name => join(ground.stateRoot, id, name))
    assert.deepEqual(reachableByNobody(ground.stateRoot, known), [])
    for (const path of known) assert.ok(existsSync(path), path)
  })

  it('learns no names and makes none', () => {
    const runRoot = mkdtempSync(join(tmpdir(), 'utsuwa-names-'))
    chmodSync(runRoot, 0o755)
    try {
      claimName(runRoot, 'secret-project', 'id')
      assert.deepEqual(reachableByNobody(namesDirectory(runRoot)), [])
      assert.throws(() => execFileSync('ls', [namesDirectory(runRoot)], { uid: 65534, gid: 65534, stdio: 'pipe' }))
    } finally {
      rmSync(runRoot, { recursive: true })
    }
  })

  it('executes no setuid program of a layer or a container, whatever the path it guesses', async () => {
    const root = mkdtempSync(join(tmpdir(), 'utsuwa-store-'))
    chmodSync(root, 0o755)
    try {
      const store = join(root, 'store')
      await makeStore(store)
      await using work = await acquireWorkDirectory(store, 'x')
      for (const directory of [join(store, 'layers/sha256-x/fs'), join(store, 'containers/box/upper'), work.path]) {
        mkdirSync(directory, { recursive: true })
        const program = join(directory, 'su')
        writeFileSync(program, '#!/bin/sh\necho reached\n')
        chmodSync(program, 0o4755)
        const { status, stdout } = spawnSync('sh', ['-c', '"$1"', 'sh', program], { uid: 65534, gid: 65534 })
        assert.deepEqual({ status, stdout: String(stdout) }, { status: 126, stdout: '' }, directory)
      }
    } finally {
      rmSync(root, { recursive: true })
    }
  })
})
