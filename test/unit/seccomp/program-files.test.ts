import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { compileSeccomp, type ProgramStore } from '../../../src/seccomp/compile.ts'
import { programFiles } from '../../../src/seccomp/program-files.ts'
import type { LinuxSeccomp } from '../../../src/spec/runtime.ts'

const compiled = { program: Buffer.from('12345678abcdefgh'), flags: 2, notifies: true }

function withStore(action: (store: ProgramStore, directory: string) => void): void {
  const parent = mkdtempSync(join(tmpdir(), 'utsuwa-programs-'))
  try {
    action(programFiles(join(parent, 'programs'), 'one')!, join(parent, 'programs'))
  } finally {
    rmSync(parent, { recursive: true })
  }
}

test('a program that was kept is found again, by the whole text of its profile', () => {
  withStore((store, directory) => {
    const profile = `{"names":["read"]${' '.repeat(40)}}`
    assert.equal(store.find(profile), undefined)
    store.keep(profile, compiled)
    assert.deepEqual(store.find(profile), compiled)
    // Every 16th character gives the file its name: this one has the same, and is another.
    assert.equal(store.find(profile.replace('read', 'link')), undefined)
    assert.equal(programFiles(directory, 'two')!.find(profile), undefined, 'of another compiler')
    assert.equal(statSync(directory).mode & 0o777, 0o700)
  })
})

test('a file that is cut off, empty or changed is no program', () => {
  withStore((store, directory) => {
    store.keep('profile', compiled)
    const path = join(directory, readdirSync(directory)[0]!)
    const whole = readFileSync(path)
    for (const length of [0, 4, 12, 20, whole.length - 16, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, length))
      assert.equal(store.find('profile'), undefined, `${length} of ${whole.length} bytes`)
    }
    writeFileSync(path, whole.fill(0xff, 0, 4))
    assert.equal(store.find('profile'), undefined, 'a length beyond its end')
  })
})

test('there are never many files', () => {
  withStore((store, directory) => {
    for (let count = 0; count < 100; count++) store.keep('x'.repeat(count), compiled)
    assert.ok(readdirSync(directory).length <= 32)
    assert.deepEqual(store.find('x'.repeat(99)), compiled)
  })
})

test('without a name for the compiler nothing is kept', () => {
  assert.equal(programFiles('/nowhere', undefined), undefined)
})

test('a profile is compiled once, and asked for in the store once', () => {
  const asked: string[] = []
  const kept = new Map<string, unknown>()
  const store: ProgramStore = {
    find(profile) {
      asked.push(profile)
      return undefined
    },
    keep: (profile, program) => void kept.set(profile, program),
  }
  const profile = (): LinuxSeccomp => ({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['ptrace'], action: 'SCMP_ACT_ERRNO' }],
  })
  const first = compileSeccomp(profile(), { store })
  assert.equal(compileSeccomp(profile(), { store }), first)
  assert.deepEqual(asked, [JSON.stringify(profile())])
  assert.equal(kept.get(asked[0]!), first)
})
