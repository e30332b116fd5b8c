/** Bad input: an error on one line, docker's exit status, nothing left behind. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { execute, makeBusyboxRoot, openWorkplace, utsuwaPath, type Workplace } from '../../support/command-line.ts'

/** Exit status and message; at most one more line, a hint; no container known afterwards. */
async function refuses(
  workplace: Workplace,
  args: readonly string[],
  exitCode: number,
  message: RegExp,
): Promise<void> {
  const result = await workplace.utsuwa(...args)
  const lines = result.stderr.trimEnd().split('\n')
  assert.match(lines[0]!, message)
  assert.ok(lines.length === 1 || (lines.length === 2 && lines[1]!.startsWith('hint: ')), result.stderr)
  assert.equal(result.exitCode, exitCode, result.stderr)
  const containers = join(workplace.runRoot, 'containers')
  assert.deepEqual(existsSync(containers) ? readdirSync(containers) : [], [])
}

function bundle(workplace: Workplace, configJson: string | undefined): string {
  const directory = join(workplace.directory, 'bundle')
  mkdirSync(directory, { recursive: true })
  if (configJson !== undefined) writeFileSync(join(directory, 'config.json'), configJson)
  return directory
}

describe('utsuwa run', () => {
  it('of an image that is not there', async () => {
    using workplace = openWorkplace()
    await refuses(workplace, ['run', '--pull', 'never', 'nosuch'], 125, /nosuch/)
  })

  it('of a registry that is down', async () => {
    using workplace = openWorkplace()
    await refuses(workplace, ['pull', '127.0.0.1:1/nosuch'], 125, /127\.0\.0\.1:1.*ECONNREFUSED/)
  })

  it('with a flag that it does not know', async () => {
    using workplace = openWorkplace()
    await refuses(workplace, ['run', '--nosuch', 'image'], 125, /unknown (flag|option).*--nosuch/)
  })

  it('of commands that are missing or no programs', async () => {
    using workplace = openWorkplace()
    const rootfs = makeBusyboxRoot(workplace.directory)
    writeFileSync(join(rootfs, 'bin/plain'), 'no program\n')
    writeFileSync(join(rootfs, 'bin/noexec'), '#!/bin/sh\n')
    chmodSync(join(rootfs, 'bin/plain'), 0o755)
    const run = (command: string) => ['run', '--rm', '--rootfs', rootfs, command]
    await refuses(workplace, run('nosuch'), 127, /"nosuch": executable file not found in \$PATH/)
    await refuses(workplace, run('/bin/nosuch'), 127, /no such file or directory/)
    await refuses(workplace, run('/bin/noexec'), 126, /permission denied/)
    await refuses(workplace, run('/etc'), 126, /is a directory/)
    await refuses(workplace, run('plain'), 126, /exec format error/)
  })

  it('with values that make no sense', async () => {
    using workplace = openWorkplace()
    const rootfs = makeBusyboxRoot(workplace.directory)
    const run = (...flags: string[]) => ['run', '--rm', ...flags, '--rootfs', rootfs, 'true']
    await refuses(workplace, run('-m', 'lots'), 125, /--memory/)
    await refuses(workplace, run('--cpus', '0.001'), 125, /--cpus/)
    await refuses(workplace, run('-u', '4294967295'), 125, /4294967295/)
    await refuses(workplace, run('-u', 'nosuch'), 125, /nosuch/)
    await refuses(workplace, run('-v', '/nosuch:/mnt'), 125, /\/nosuch/)
    await refuses(workplace, run('--network', 'bogus'), 125, /bogus/)
  })

  it('with a name that is in use', async () => {
    using workplace = openWorkplace()
    const rootfs = makeBusyboxRoot(workplace.directory)
    assert.equal((await workplace.utsuwa('run', '--name', 'box', '--rootfs', rootfs, 'true')).exitCode, 0)
    const again = await workplace.utsuwa('run', '--name', 'box', '--rootfs', rootfs, 'true')
    assert.equal(again.exitCode, 125)
    assert.match(again.stderr, /box/)
    assert.equal((await workplace.utsuwa('rm', 'box')).exitCode, 0)
  })

  it('by somebody who is not root', async () => {
    using workplace = openWorkplace()
    chmodSync(workplace.directory, 0o777)
    const rootfs = makeBusyboxRoot(workplace.directory)
    const result = await execute('setpriv', [
      '--reuid',
      '65534',
      '--regid',
      '65534',
      '--clear-groups',
      utsuwaPath,
      ...workplace.argv('run', '--rootfs', rootfs, 'true'),
    ])
    assert.equal(result.exitCode, 125, result.stderr)
    assert.match(result.stderr, /EPERM|EACCES/)
    assert.match(result.stderr, /hint: .*(root|sudo)/)
  })
})

describe('utsuwa plan', () => {
  it('of a bundle without config.json', async () => {
    using workplace = openWorkplace()
    await refuses(workplace, ['plan', '--bundle', bundle(workplace, undefined)], 125, /bundle\/config\.json: ENOENT/)
  })

  it('of a config.json that is no JSON, or not valid', async () => {
    using workplace = openWorkplace()
    await refuses(workplace, ['plan', '--bundle', bundle(workplace, '{')], 125, /config\.json: not valid JSON/)
    const invalid = JSON.stringify({
      ociVersion: '1.0.2',
      root: { path: 'rootfs' },
      process: { args: [], cwd: '/', user: { uid: 0, gid: 0 } },
    })
    await refuses(workplace, ['plan', '--bundle', bundle(workplace, invalid)], 125, /\[\/process\/args\]/)
  })
})
