/** podman with systemd as its cgroup manager, utsuwa-oci as its runtime and a store of its own with one image: `box`. */
import assert from 'node:assert/strict'
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RUNTIME } from '../oci/runtime.ts'

/** Flags of run and build that keep the network of the machine out of it. */
export const withoutNetwork = ['--network', 'none']

export class Podman implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'utsuwa-podman-'))
  readonly #storage = join(this.directory, 'storage.conf')

  constructor() {
    const rootfs = join(this.directory, 'rootfs')
    mkdirSync(join(rootfs, 'bin'), { recursive: true })
    cpSync('/bin/busybox', join(rootfs, 'bin/busybox'))
    for (const applet of ['sh', 'cat', 'sleep', 'tty']) symlinkSync('busybox', join(rootfs, 'bin', applet))
    const roots = `graphroot="${join(this.directory, 'storage')}"\nrunroot="${join(this.directory, 'run')}"\n`
    writeFileSync(this.#storage, `[storage]\ndriver="overlay"\n${roots}`)
    const tar = join(this.directory, 'rootfs.tar')
    assert.equal(spawnSync('tar', ['-C', rootfs, '-cf', tar, '.']).status, 0)
    this.succeed('import', tar, 'box')
  }

  call(...words: string[]): SpawnSyncReturns<string> {
    return this.#spawn(commandLine(words))
  }

  /** With a terminal: script(1) makes one, and passes on the exit status. */
  callInTerminal(...words: string[]): SpawnSyncReturns<string> {
    const line = commandLine(words).map(word => `'${word}'`)
    return this.#spawn(['script', '--quiet', '--return', '--command', line.join(' '), '/dev/null'])
  }

  succeed(...words: string[]): string {
    const { status, stdout, stderr } = this.call(...words)
    assert.equal(status, 0, `podman ${words.join(' ')}: ${stderr}`)
    return stdout.trim()
  }

  #spawn([program = '', ...args]: readonly string[]): SpawnSyncReturns<string> {
    return spawnSync(program, args, {
      encoding: 'utf8',
      env: { ...process.env, CONTAINERS_STORAGE_CONF: this.#storage },
    })
  }

  [Symbol.dispose](): void {
    this.call('rm', '--all', '--force', '--time', '0')
    rmSync(this.directory, { recursive: true, force: true })
  }
}

const commandLine = (words: readonly string[]): string[] => [
  ...['podman', '--runtime', RUNTIME, '--cgroup-manager', 'systemd'],
  ...words,
]
