/** The bundles whose plans are kept in this folder. Everything that a plan depends on is spelled out here. */
import { defaultBundleSpec } from '../../src/cli/oci/default-spec.ts'
import { createRuntimeSpec } from '../../src/options/runtime-spec.ts'
import { type CompiledPlan, type CompileInput, compile } from '../../src/plan/compile.ts'
import { defaultSeccompProfile } from '../../src/seccomp/default-profile.ts'
import type { RuntimeSpec } from '../../src/spec/runtime.ts'

const host = {
  cgroupMount: '/sys/fs/cgroup',
  cgroupControllers: ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids', 'rdma', 'misc'],
}

function compiled(spec: RuntimeSpec, input: Partial<CompileInput> = {}): CompiledPlan {
  return compile({ id: 'box', spec, bundlePath: '/bundle', host, cgroupPath: '/utsuwa/box', gate: 'report', ...input })
}

/** What `utsuwa-oci create` carries out for an unchanged bundle of `utsuwa-oci spec`, which is runc's. */
function defaultBundle(): CompiledPlan {
  return compiled(defaultBundleSpec({ cgroupNamespace: true }), { gate: 'socket' })
}

/** What `utsuwa run -m 64m --cpus 0.5 --pids-limit 32 -u nobody -v … --read-only …` carries out. */
function imageWithLimits(): CompiledPlan {
  const spec = createRuntimeSpec({
    id: 'box',
    options: {
      memory: '64MiB',
      cpus: 0.5,
      pids: 32,
      user: '65534:65534',
      cwd: '/tmp',
      env: ['LANG=C.UTF-8'],
      hostname: 'vessel',
      volumes: ['/srv/data:/data:ro', '/srv/cache:/cache'],
      tmpfs: ['/run:size=16m,mode=755'],
      readonlyRootfs: true,
      ulimits: ['nofile=1024:2048'],
      sysctls: { 'net.ipv4.ip_forward': '1' },
      securityOpt: ['no-new-privileges'],
    },
    imageConfig: { Env: ['PATH=/usr/bin:/bin'], Entrypoint: ['/bin/sh', '-c'], Cmd: ['exit 7'] },
    rootPath: '/run/utsuwa/containers/box/rootfs',
    readContainerFile: () => undefined,
    defaultSeccomp: defaultSeccompProfile,
    volumePaths: new Map(),
    hostDevices: () => [],
  })
  return compiled(spec, { rootfsMountPoint: '/run/utsuwa/containers/box/rootfs', endWithLauncher: true })
}

/** A user namespace with maps, a terminal, and a hook of every kind that runs before the start. */
function userNamespaceWithHooks(): CompiledPlan {
  const spec = defaultBundleSpec({ cgroupNamespace: true })
  const hook = (name: string) => [{ path: `/usr/bin/${name}`, args: [name, '--fast'], env: ['A=1'], timeout: 2 }]
  return compiled({
    ...spec,
    process: { ...spec.process!, terminal: true, consoleSize: { width: 80, height: 24 } },
    hooks: {
      createRuntime: hook('create-runtime'),
      createContainer: hook('create-container'),
      startContainer: hook('start-container'),
      poststop: hook('poststop'),
    },
    linux: {
      ...spec.linux,
      namespaces: [...spec.linux!.namespaces!, { type: 'user' }],
      uidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
      gidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
    },
  })
}

/** A second container of a pod: it joins the first one's namespaces but for the mounts, and has a clock of its own. */
function joinedNamespaces(): CompiledPlan {
  const spec = defaultBundleSpec()
  const { hostname: _, ...rest } = spec
  return compiled({
    ...rest,
    linux: {
      ...spec.linux,
      cgroupsPath: '/pods/one/box',
      namespaces: [
        { type: 'mount' },
        { type: 'pid', path: '/proc/4242/ns/pid' },
        { type: 'network', path: '/run/netns/pod' },
        { type: 'ipc', path: '/proc/4242/ns/ipc' },
        { type: 'uts', path: '/proc/4242/ns/uts' },
        { type: 'time' },
      ],
      timeOffsets: { monotonic: { secs: 86400, nanosecs: 0 } },
    },
  })
}

export const goldenPlans: Readonly<Record<string, () => CompiledPlan>> = {
  'default-bundle': defaultBundle,
  'image-with-limits': imageWithLimits,
  'user-namespace-with-hooks': userNamespaceWithHooks,
  'joined-namespaces': joinedNamespaces,
}
