/** `utsuwa-oci spec` prints what `runc spec` prints. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readCgroupHierarchy } from '../../../src/cgroup/hierarchy.ts'
import { defaultBundleSpec } from '../../../src/cli/oci/default-spec.ts'

function runcSpec(...flags: string[]): unknown {
  const directory = mkdtempSync(join(tmpdir(), 'utsuwa-spec-'))
  try {
    execFileSync('runc', ['spec', ...flags], { cwd: directory })
    return JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const cgroupNamespace = readCgroupHierarchy().mode === 'unified'

/** What the two name differently on purpose. */
const ours = { ociVersion: defaultBundleSpec().ociVersion, hostname: 'utsuwa' }

test('the default', () => {
  assert.deepEqual({ ...(runcSpec() as object), ...ours }, defaultBundleSpec({ cgroupNamespace }))
})

test('for a user without privileges', () => {
  const rootless = { uid: process.geteuid!(), gid: process.getegid!() }
  assert.deepEqual({ ...(runcSpec('--rootless') as object), ...ours }, defaultBundleSpec({ rootless, cgroupNamespace }))
})
