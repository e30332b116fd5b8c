/** A root filesystem to run containers in, without an image: the host's static busybox and the usual directories. */
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Sandbox extends Disposable {
  /** Host path of the root filesystem. */
  readonly rootfs: string
  /** For the option `runRoot`: containers of this sandbox are known to nobody else. */
  readonly runRoot: string
  /** Host path of a directory for what the test itself needs. */
  readonly scratch: string
}

export function makeSandbox(): Sandbox {
  const directory = mkdtempSync(join(tmpdir(), 'utsuwa-sandbox-'))
  chmodSync(directory, 0o755) // a user of the container must be able to pass
  const [rootfs, runRoot, scratch] = ['rootfs', 'run', 'scratch'].map(name => join(directory, name)) as [
    string,
    string,
    string,
  ]
  for (const path of ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'var'])
    mkdirSync(join(rootfs, path), { recursive: true })
  mkdirSync(join(rootfs, 'tmp'))
  chmodSync(join(rootfs, 'tmp'), 0o1777)
  mkdirSync(scratch)
  copyFileSync('/bin/busybox', join(rootfs, 'bin/busybox'))
  for (const applet of execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n'))
    if (applet !== 'busybox') symlinkSync('busybox', join(rootfs, 'bin', applet))
  writeFileSync(join(rootfs, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/tmp:/bin/sh\n')
  writeFileSync(join(rootfs, 'etc/group'), 'root:x:0:\nalice:x:1000:\nstaff:x:50:alice\n')
  return { rootfs, runRoot, scratch, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) }
}
