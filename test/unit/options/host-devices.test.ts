import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { listHostDevices } from '../../../src/options/host-devices.ts'

test('lists the device nodes of the host, and not what a container has of its own', () => {
  const devices = listHostDevices()
  const find = (path: string) => devices.find(device => device.path === path)
  const { type, major, minor, uid, gid } = find('/dev/null')!
  assert.deepEqual({ type, major, minor, uid, gid }, { type: 'c', major: 1, minor: 3, uid: 0, gid: 0 })
  assert.ok(!devices.some(({ path }) => /^\/dev\/(pts|shm|mqueue|console$|ptmx$)/.test(path)))
})

test('leaves out links, files and directories', () => {
  const directory = mkdtempSync(join(tmpdir(), 'utsuwa-devices-'))
  try {
    mkdirSync(join(directory, 'sub'))
    writeFileSync(join(directory, 'file'), '')
    symlinkSync('/dev/null', join(directory, 'sub', 'link'))
    assert.deepEqual(listHostDevices(directory), [])
  } finally {
    rmSync(directory, { recursive: true })
  }
})
