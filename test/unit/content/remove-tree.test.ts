import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { removeTree } from '../../../src/content/remove-tree.ts'

let scratch: string
let tree: string
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'utsuwa-remove-'))
  tree = join(scratch, 'tree')
  mkdirSync(tree)
})
afterEach(() => rmSync(scratch, { recursive: true, force: true }))

describe('removeTree', () => {
  it('removes links and not what they lead to', async () => {
    mkdirSync(join(scratch, 'outside/dir'), { recursive: true })
    writeFileSync(join(scratch, 'outside/file'), '')
    symlinkSync('../outside/dir', join(tree, 'dir'))
    symlinkSync('../outside/file', join(tree, 'file'))
    symlinkSync('nowhere', join(tree, 'dangling'))
    await removeTree(tree)
    assert.ok(
      !existsSync(tree) && existsSync(join(scratch, 'outside/dir')) && existsSync(join(scratch, 'outside/file')),
    )
  })

  it('removes names that are no UTF-8', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff, 0xfe])]), '')
    await removeTree(tree)
    assert.ok(!existsSync(tree))
  })

  it('removes trees that are deeper than a path can be long', async () => {
    const part = 'd/'.repeat(900)
    mkdirSync(join(tree, part), { recursive: true })
    // A tree is made deep by moving it into another again and again, as a container can do it.
    for (let times = 0; times < 2; times++) {
      const next = join(scratch, 'next')
      mkdirSync(join(next, part), { recursive: true })
      symlinkSync('/', join(next, part, 'link'))
      renameSync(tree, join(next, part, 'd'))
      renameSync(next, tree)
    }
    await removeTree(tree)
    assert.ok(!existsSync(tree))
  })

  it('does not mind what is not there, and removes files', async () => {
    await removeTree(join(scratch, 'nothing'))
    writeFileSync(join(scratch, 'file'), '')
    await removeTree(join(scratch, 'file'))
    assert.ok(!existsSync(join(scratch, 'file')))
  })
})
