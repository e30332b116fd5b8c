/** The command lines that are compared. */
import { execFileSync, spawnSync } from 'node:child_process'
import type { Bundles } from './bundle.ts'

export interface Runtime {
  readonly name: string
  /** What prints its version; also says whether it is there. */
  readonly version: readonly string[]
  /** Runs /bin/true in a new container and waits for its end; undefined where it has no such thing. */
  readonly run: (id: string, seccomp: boolean) => readonly string[] | undefined
  /** The same for a container that sleeps, without waiting. */
  readonly detach?: (id: string) => readonly string[]
  /** The command line for OCI verbs. */
  readonly oci?: readonly string[]
  /** Removes the sleeping container. */
  readonly remove?: (id: string) => readonly (readonly string[])[]
  /** Lists the containers, where that is one command of a person's tool. */
  readonly list?: readonly string[]
}

const STATE = '/run/bench'

export const CONTAINERD = [
  'containerd',
  '--address',
  `${STATE}/containerd.sock`,
  '--root',
  `${STATE}/c`,
  '--state',
  `${STATE}/s`,
]

export function runtimes({ rootfs, filtered, plain, idle }: Bundles): Runtime[] {
  const ociRuntime = (name: string, program: string): Runtime => {
    const oci = [program, '--root', `${STATE}/${name}`]
    return {
      name,
      version: [program, '--version'],
      run: (id, seccomp) => [...oci, 'run', '--bundle', seccomp ? filtered : plain, id],
      detach: id => [...oci, 'run', '--detach', '--bundle', idle, id],
      oci,
      remove: id => [[...oci, 'delete', '--force', id]],
    }
  }
  const utsuwa = ['bin/utsuwa', '--root', `${STATE}/u`, '--run-root', `${STATE}/v`]
  const utsuwaRun = [...utsuwa, 'run', '--network', 'none', '--rootfs']
  const podman = ['podman', '--root', `${STATE}/p`, '--runroot', `${STATE}/r`, '--cgroup-manager', 'cgroupfs']
  // Machines with both versions of cgroups have no pids controller left for version 2.
  const podmanRun = [...podman, 'run', '--network', 'none', '--log-driver', 'none', '--pids-limit', '0']
  const ctr = ['ctr', '--address', `${STATE}/containerd.sock`]
  return [
    ociRuntime('utsuwa-oci', 'bin/utsuwa-oci'),
    ociRuntime('runc', 'runc'),
    ociRuntime('crun', 'crun'),
    {
      name: 'utsuwa run',
      version: ['bin/utsuwa', '--version'],
      run: (id, seccomp) => [
        ...[...utsuwaRun, '--rm', '--name', id],
        ...(seccomp ? [] : ['--security-opt', 'seccomp=unconfined']),
        ...[rootfs, '/bin/true'],
      ],
      detach: id => [...utsuwaRun, '--detach', '--name', id, rootfs, '/bin/sleep', '1000000'],
      remove: id => [[...utsuwa, 'rm', '--force', id]],
      list: [...utsuwa, 'ps'],
    },
    {
      name: 'podman',
      version: ['podman', '--version'],
      run: (id, seccomp) => [
        ...[...podmanRun, '--rm', '--name', id],
        ...(seccomp ? [] : ['--security-opt', 'seccomp=unconfined']),
        ...['--rootfs', rootfs, '/bin/true'],
      ],
      detach: id => [...podmanRun, '--detach', '--name', id, '--rootfs', rootfs, '/bin/sleep', '1000000'],
      remove: id => [[...podman, 'rm', '--force', '--time', '0', id]],
      list: [...podman, 'ps'],
    },
    {
      name: 'ctr',
      version: ['ctr', '--version'],
      run: (id, seccomp) => [...ctr, 'run', '--rm', '--config', `${seccomp ? filtered : plain}/config.json`, id],
      detach: id => [...ctr, 'run', '--detach', '--config', `${idle}/config.json`, id],
      remove: id => [
        [...ctr, 'task', 'rm', '--force', id],
        [...ctr, 'container', 'rm', id],
      ],
    },
    {
      name: 'bubblewrap',
      version: ['bwrap', '--version'],
      run: (_id, seccomp) =>
        seccomp
          ? undefined
          : [
              ...[
                'bwrap',
                '--unshare-all',
                '--die-with-parent',
                '--bind',
                rootfs,
                '/',
                '--proc',
                '/proc',
                '--dev',
                '/dev',
              ],
              ...['--ro-bind', '/sys', '/sys', '--hostname', 'bench', '/bin/true'],
            ],
    },
    {
      name: 'unshare',
      version: ['unshare', '--version'],
      run: (_id, seccomp) =>
        seccomp
          ? undefined
          : [...['unshare', '--mount', '--pid', '--net', '--ipc', '--uts', '--cgroup', '--fork'], ...rootOf(rootfs)],
    },
  ]
}

const rootOf = (rootfs: string): string[] => [`--root=${rootfs}`, '--mount-proc', '/bin/true']

/** The first line that a program prints of its version; undefined when it is not there. */
export function versionOf({ version: [program, ...args] }: Runtime): string | undefined {
  const { error, status } = spawnSync(program!, args, { stdio: 'ignore' })
  if (error !== undefined || status !== 0) return undefined
  return execFileSync(program!, args, { encoding: 'utf8' }).split('\n')[0]
}
