/**
 * With `--no-pivot` the host's mounts stay in the container's mount namespace. While a whole procfs is among them, the
 * kernel lets root of a user namespace that the container makes mount another: writable, and without the masks.
 *
 * Seen to fail with hide_kernel_mounts (native/init_rootfs.c) taken out of init_move_root: with `--no-pivot` the procfs
 * was mounted.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Playground } from '../integration/oci/runtime.ts'

const MOUNT_PROC = 'busybox unshare -mrpf sh -c "busybox mount -t proc none /proc && echo mounted"; echo went on'

const hostMounts = (): string => readFileSync('/proc/self/mountinfo', 'utf8')

for (const flags of [[], ['--no-pivot']])
  test(`no procfs without masks can be mounted: run ${flags.join()}`, async t => {
    const ground = new Playground(t)
    ground.configure(['sh', '-c', MOUNT_PROC], spec => {
      const { capabilities } = spec.process!
      for (const set of ['bounding', 'permitted', 'effective'] as const) capabilities![set]!.push('CAP_SETFCAP')
    })
    const before = hostMounts()
    const { status, stdout, stderr } = await ground.call(['run', ...flags, '-b', ground.bundle, ground.newId()])
    assert.deepEqual([status, stdout], [0, 'went on\n'], stderr)
    assert.match(stderr, /mount: permission denied/)
    assert.equal(hostMounts(), before)
  })
