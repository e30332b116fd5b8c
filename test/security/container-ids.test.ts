/**
 * Names and ids of containers become names of directories, cgroups and sockets: `../x` as an id let a runtime make, read
 * and remove directories anywhere. They come from engines and people, who may pass on what an image or a network said.
 *
 * Seen to fail with the pattern of checkContainerId (src/runtime/state/record.ts) accepting everything: ids came as far
 * as the path of the cgroup.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { isUtsuwaError } from '../../src/errors.ts'
import { create } from '../../src/runtime/create.ts'
import { deleteContainer } from '../../src/runtime/delete.ts'
import { exec } from '../../src/runtime/exec.ts'
import { kill } from '../../src/runtime/kill.ts'
import { readRecord } from '../../src/runtime/state/record.ts'
import { isOurs, Playground } from '../integration/oci/runtime.ts'
import { makeSandbox } from '../support/busybox-root.ts'
import { specOf } from './support.ts'

const hostile = [
  '',
  '.',
  '..',
  '../victim',
  '../../victim',
  'a/../../victim',
  '/victim',
  'a/b',
  'line\nbreak',
  'end\n',
  'tab\t',
  'a b',
  'ü',
  '\u{202e}',
  '$(id)',
  'a;b',
  '.new-x',
  'x'.repeat(1025),
]

const listing = (directory: string): string[] => readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()

describe('the command line', { skip: isOurs ? false : 'runc says it otherwise' }, () => {
  it('refuses ids that are no names, whatever the command, and touches nothing', async t => {
    const ground = new Playground(t)
    ground.configure(['true'])
    // What a path would find, so that only the check stands between.
    const victim = join(ground.directory, 'victim')
    mkdirSync(victim)
    writeFileSync(join(victim, 'state.json'), readFileSync(join(ground.bundle, 'config.json')))
    mkdirSync(ground.stateRoot)
    const before = listing(victim)
    const commands = [['create', '-b', ground.bundle], ['state'], ['delete', '--force'], ['exec']] as const
    // A few of them, and all commands for the worst: each call starts a runtime.
    for (const id of ['', '..', '../victim', 'a/b', 'line\nbreak', '\u{202e}', 'x'.repeat(1025)])
      for (const [name, ...flags] of id === '../victim' ? commands : commands.slice(0, 1)) {
        const after = name === 'exec' ? ['true'] : []
        const { status, stdout, stderr } = await ground.call([name, ...flags, '--', id, ...after])
        assert.deepEqual({ status, stdout }, { status: name === 'exec' ? 255 : 1, stdout: '' }, `${name} ${id}`)
        assert.match(stderr, /invalid container id format|is empty|cannot be empty/, `${name} ${JSON.stringify(id)}`)
        assert.doesNotMatch(stderr.trimEnd(), /[\n\p{Cf}]/u, 'an id cannot break or reverse the line that quotes it')
      }
    assert.deepEqual(listing(victim), before)
    assert.deepEqual(listing(ground.stateRoot), [])
  })

  it('takes an id that looks like a flag for an id where flags have ended, and for a flag elsewhere', async t => {
    const ground = new Playground(t)
    ground.configure(['true'])
    assert.match((await ground.call(['state', '--', '--force'])).stderr, /container does not exist/)
    assert.match((await ground.call(['create', '-b', ground.bundle, '--no-such-flag'])).stderr, /no-such-flag/)
    assert.match((await ground.call(['delete', '--', '-f'])).stderr, /container does not exist/)
  })
})

describe('the library', () => {
  it('refuses them, and a NUL, before it makes or opens anything', async () => {
    using sandbox = makeSandbox()
    const stateRoot = join(sandbox.scratch, 'state')
    const refused = (error: unknown): boolean =>
      isUtsuwaError(error, 'INVALID_ARGUMENT') && /^invalid container id format: "/.test(error.message)
    for (const id of [...hostile, 'nul\0byte', '\0']) {
      const spec = specOf(sandbox, 'true')
      const options = { stateRoot, id, spec, bundlePath: sandbox.scratch, gate: 'report' } as const
      await assert.rejects(create(options), refused, JSON.stringify(id))
      await assert.rejects(deleteContainer(stateRoot, id, { force: true }), refused, JSON.stringify(id))
      await assert.rejects(exec(stateRoot, id, spec.process!), refused, JSON.stringify(id))
      assert.throws(() => kill(stateRoot, id, 9), refused, JSON.stringify(id))
      assert.throws(() => readRecord(stateRoot, id), refused, JSON.stringify(id))
    }
    assert.deepEqual(listing(sandbox.scratch), [])
  })
})
