/** The kernel accepts what the compiler makes, and ordinary programs work under the default profile. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { compileSeccomp } from '../../../src/seccomp/compile.ts'
import { defaultSeccompProfile } from '../../../src/seccomp/default-profile.ts'
import type { LinuxSeccomp } from '../../../src/spec/runtime.ts'

let directory: string
let confine: string

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'utsuwa-seccomp-'))
  confine = join(directory, 'confine')
  const source = join(import.meta.dirname, 'confine.c')
  execFileSync('cc', ['-Wall', '-Wextra', '-Werror', '-o', confine, source], { stdio: 'inherit' })
})

after(() => rmSync(directory, { recursive: true, force: true }))

function run(profile: LinuxSeccomp, ...command: string[]) {
  const { program } = compileSeccomp(profile)
  const { status, signal, stdout, stderr } = spawnSync(confine, command, { input: program, encoding: 'utf8' })
  return { status, signal, stdout, stderr }
}

test('ordinary programs work under the default profile', () => {
  const script = 'set -e; id -u; ls -l / | wc -l >/dev/null; sleep 0.01; (echo sub) | cat; exec true'
  assert.deepEqual(run(defaultSeccompProfile([]), 'bash', '-c', script), {
    status: 0,
    signal: null,
    stdout: '0\nsub\n',
    stderr: '',
  })
  const node = run(
    defaultSeccompProfile([]),
    process.execPath,
    '-p',
    'new (require("node:worker_threads").Worker)("1", { eval: true }) && 6 * 7',
  )
  assert.deepEqual([node.stdout, node.status], ['42\n', 0], node.stderr)
})

test('what the default profile denies fails with EPERM, and works with the capability', () => {
  const unshare = run(defaultSeccompProfile([]), 'unshare', '-n', 'true')
  assert.match(unshare.stderr, /Operation not permitted/)
  assert.equal(run(defaultSeccompProfile(['CAP_SYS_ADMIN']), 'unshare', '-n', 'true').status, 0)
})

test('kills, and returns errnos, as a profile says', () => {
  const profile = (action: 'SCMP_ACT_KILL_PROCESS' | 'SCMP_ACT_ERRNO', errnoRet?: number): LinuxSeccomp => ({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['mkdir', 'mkdirat'], action, ...(errnoRet !== undefined && { errnoRet }) }],
  })
  assert.equal(run(profile('SCMP_ACT_KILL_PROCESS'), 'mkdir', join(directory, 'a')).signal, 'SIGSYS')
  assert.match(run(profile('SCMP_ACT_ERRNO', 28), 'mkdir', join(directory, 'a')).stderr, /No space left/)
})
