/**
 * A world of its own for a benchmark: mount, PID and cgroup namespaces in which the root is that of the peers, and
 * /sys/fs/cgroup is cgroup v2 alone, also on machines with both versions. It ends, with all that runs in it, when its
 * maker ends or is killed; what is left of a killed one is an empty cgroup, which the next removes.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hierarchy } from './group.ts'

const PREFIX = 'utsuwa-bench-private-'
const POLL_MS = 20
const POLLS = 500

/** The shell stays as PID 1, to reap what is orphaned. */
const SETUP = `
set -e
root=$1 clone=$2 out=$3; shift 3
mount --bind "$root" "$root"
cd "$root"
mkdir -p proc sys dev run tmp var/tmp
mount -t proc proc proc
mount --rbind /dev dev
mount --rbind /sys sys
umount -l sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
for directory in run tmp var/tmp; do mount -t tmpfs tmpfs "$directory"; done
for directory in "$clone" "$out"; do mkdir -p ".$directory"; mount --rbind "$directory" ".$directory"; done
mkdir tmp/host
mkdir sys/fs/cgroup/driver
echo 1 >sys/fs/cgroup/driver/cgroup.procs
pivot_root . tmp/host
cd "$clone"
umount -l /tmp/host
rmdir /tmp/host
status=0
"$@" || status=$?
exit "$status"
`

/**
 * Runs a command there, in the directory of the clone, which is at its place, as is the one for what it writes.
 * @throws Error when it fails
 */
export async function runPrivately(
  root: string,
  { clone, out }: { readonly clone: string; readonly out: string },
  command: readonly string[],
): Promise<void> {
  removeLeftovers()
  const cgroup = join(hierarchy(), `${PREFIX}${process.pid}`)
  mkdirSync(cgroup)
  const enter = 'echo $$ >"$0/cgroup.procs" && exec setpriv --pdeathsig KILL "$@"'
  const namespaces = ['unshare', '--mount', '--pid', '--cgroup', '--fork', '--kill-child']
  const child = spawn(
    'sh',
    ['-c', enter, cgroup, ...namespaces, 'sh', '-c', SETUP, 'sh', root, clone, out, ...command],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' },
    },
  )
  const stop = (): void => void child.kill('SIGKILL')
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop)
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>
  await leaveToChildren(cgroup, child.pid!, () => child.exitCode !== null || child.signalCode !== null)
  const [code, signal] = await ended
  await removeCgroup(cgroup)
  if (code !== 0) throw new Error(`the benchmark ended with ${signal ?? code}`)
}

/** A cgroup with a process in it gives no controllers to its children, so unshare(1) goes beside them. */
async function leaveToChildren(cgroup: string, pid: number, hasEnded: () => boolean): Promise<void> {
  const driver = join(cgroup, 'driver')
  while (!existsSync(driver) && !hasEnded()) await sleep(POLL_MS)
  if (!hasEnded()) writeFileSync(join(driver, 'cgroup.procs'), String(pid))
}

function removeLeftovers(): void {
  for (const name of readdirSync(hierarchy())) {
    if (!name.startsWith(PREFIX) || existsSync(`/proc/${name.slice(PREFIX.length)}`)) continue
    removeEmpty(join(hierarchy(), name))
  }
}

/** What was killed with its PID namespace may need a moment to be gone. */
async function removeCgroup(path: string): Promise<void> {
  for (let poll = 1; ; poll++) {
    try {
      return removeEmpty(path)
    } catch (error) {
      if (poll === POLLS) throw error
      await sleep(POLL_MS)
    }
  }
}

function removeEmpty(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeEmpty(join(path, entry.name))
  rmdirSync(path)
}
