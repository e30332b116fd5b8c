/** A Debian root with the runtimes that utsuwa is compared with, newer than those of this machine. */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What is there when this is written: runc 1.3, crun 1.2x, podman 5, containerd 2. */
const SUITE = 'testing'
const PACKAGES = [
  ...['runc', 'crun', 'podman', 'conmon', 'netavark', 'containerd', 'bubblewrap', 'util-linux', 'mount'],
  ...['base-files', 'dash', 'coreutils', 'busybox-static', 'libc-bin', 'libstdc++6', 'libatomic1'],
]

/** Made once, from the mirror that apt is configured with, in a directory that git ignores. */
export function peersRoot(clone: string): string {
  const root = join(clone, '.toolchain/peers')
  if (existsSync(root)) return root
  const partial = `${root}.${process.pid}`
  console.error(`${root}: extracting ${PACKAGES.join(', ')} of Debian ${SUITE}`)
  try {
    const options = [
      // Nothing of it is configured; who has an old mirror, or a clock that is ahead, gets it as well.
      ...['--quiet', '--variant=extract', '--aptopt=Acquire::Check-Valid-Until "false"'],
      `--include=${PACKAGES.join(',')}`,
    ]
    execFileSync('mmdebstrap', [...options, SUITE, partial, mirror()], { stdio: ['ignore', 'ignore', 'inherit'] })
    execFileSync('chroot', [partial, '/sbin/ldconfig'])
    writeFileSync(join(partial, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
    writeFileSync(join(partial, 'etc/group'), 'root:x:0:\n')
    chmodSync(partial, 0o755)
    renameSync(partial, root)
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
  return root
}

function mirror(): string {
  const targets = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages']
  const [first] = execFileSync('apt-get', targets, { encoding: 'utf8' }).split('\n')
  if (!first) throw new Error('apt has no sources: apt-get update')
  return first
}
