/** The same bundle for everybody: utsuwa's default isolation as a runtime spec, around a static busybox. */
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { planOf } from '../../src/index.ts'
import { createRuntimeSpec } from '../../src/options/runtime-spec.ts'
import type { Operation } from '../../src/plan/ops.ts'
import { defaultSeccompProfile } from '../../src/seccomp/default-profile.ts'
import type { RuntimeSpec } from '../../src/spec/runtime.ts'

export interface Bundles {
  readonly rootfs: string
  /** /bin/true under the default seccomp profile. */
  readonly filtered: string
  /** /bin/true without one. */
  readonly plain: string
  /** Sleeps until it is killed, under the default profile. */
  readonly idle: string
  /** Programs for the floor, as utsuwa compiles them. */
  readonly devices: string
  readonly seccomp: string
}

/** @param directory new */
export async function makeBundles(directory: string): Promise<Bundles> {
  const rootfs = join(directory, 'rootfs')
  for (const name of ['bin', 'proc', 'sys', 'dev', 'etc', 'tmp']) mkdirSync(join(rootfs, name), { recursive: true })
  copyFileSync('/bin/busybox', join(rootfs, 'bin/busybox'))
  for (const name of ['true', 'sleep', 'sh']) symlinkSync('busybox', join(rootfs, 'bin', name))
  const specOf = (args: readonly string[]): RuntimeSpec => {
    const { linux: { cgroupsPath: _, ...linux } = {}, ...spec } = createRuntimeSpec({
      id: 'bench',
      options: { args },
      imageConfig: {},
      rootPath: rootfs,
      readContainerFile: () => undefined,
      defaultSeccomp: defaultSeccompProfile,
      volumePaths: new Map(),
      hostDevices: () => [],
    })
    return { ...spec, linux }
  }
  const bundle = (name: string, spec: RuntimeSpec): string => {
    const path = join(directory, name)
    mkdirSync(path)
    writeFileSync(join(path, 'config.json'), JSON.stringify(spec))
    return path
  }
  const filtered = specOf(['/bin/true'])
  const { linux: { seccomp: _, ...withoutSeccomp } = {}, ...rest } = filtered
  const bundles = {
    rootfs,
    filtered: bundle('filtered', filtered),
    plain: bundle('plain', { ...rest, linux: withoutSeccomp }),
    idle: bundle('idle', specOf(['/bin/sleep', '1000000'])),
    devices: join(directory, 'devices.bpf'),
    seccomp: join(directory, 'seccomp.bpf'),
  }
  const { host, init } = await planOf({ bundle: bundles.filtered })
  writeFileSync(bundles.devices, programOf(host, 'attach_device_program'))
  writeFileSync(bundles.seccomp, programOf(init, 'load_seccomp'))
  return bundles
}

function programOf(operations: readonly Operation[], op: 'attach_device_program' | 'load_seccomp'): Uint8Array {
  for (const operation of operations) if (operation.op === op) return operation.program
  throw new Error(`the default plan has no ${op}`)
}
