import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CgroupMaker, findMaker } from '../../../../src/diagnosis/explain/maker.ts'

const id = '0123456789abcdef'.repeat(4)
const uid = '9f6c4e1a-7b2d-4c3e-8a5f-0123456789ab'
const slice = uid.replaceAll('-', '_')

const table: readonly (readonly [string, CgroupMaker['engine'], string, string?])[] = [
  [`/utsuwa/${id}`, 'utsuwa', id],
  [`/utsuwa/${id}/below`, 'utsuwa', id],
  [`/docker/${id}`, 'docker', id],
  [`/system.slice/docker-${id}.scope`, 'docker', id],
  [`/system.slice/docker-${id}.scope/init.scope`, 'docker', id],
  ['/docker/buildkit/abcdefghijklmnopqrstuvwxy', 'docker', 'abcdefghijklmnopqrstuvwxy'],
  [`/machine.slice/libpod-${id}.scope/container`, 'podman', id],
  [`/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope`, 'podman', id],
  [`/machine.slice/libpod-conmon-${id}.scope`, 'podman', id],
  [`/libpod_parent/libpod-${id}`, 'podman', id],
  [`/k8s.io/${id}`, 'containerd', id],
  [`/default/${id}`, 'containerd', id],
  [`/system.slice/nerdctl-${id}.scope`, 'containerd', id],
  [
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${slice}.slice/cri-containerd-${id}.scope`,
    'containerd',
    id,
    uid,
  ],
  [`/kubepods.slice/kubepods-pod${slice}.slice/crio-${id}.scope/container`, 'cri-o', id, uid],
  [
    `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${slice}.slice/docker-${id}.scope`,
    'docker',
    id,
    uid,
  ],
  [`/kubepods/burstable/pod${uid}/${id}`, 'kubernetes', id, uid],
  [`/kubepods/besteffort/pod${uid}`, 'kubernetes', uid],
  // kind: a node is a container of docker, in which pods run
  [`/docker/${id}/kubelet/kubepods/pod${uid}/${'f'.repeat(64)}`, 'kubernetes', 'f'.repeat(64), uid],
  ['/lxc.payload.web', 'lxc', 'web'],
  ['/lxc/web/ns', 'lxc', 'web'],
  ['/machine.slice/systemd-nspawn@build\\x2done.service/payload', 'nspawn', 'build-one'],
  ['/machine.slice/machine-build\\x2done.scope', 'nspawn', 'build-one'],
  ['/machine.slice/machine-qemu\\x2d3\\x2dvm.scope/libvirt/emulator', 'libvirt', 'vm'],
  ['/system.slice/ssh.service', 'systemd', 'ssh.service'],
  ['/system.slice/system-getty.slice/getty@tty1.service', 'systemd', 'getty@tty1.service'],
  ['/user.slice/user-0.slice/session-2.scope', 'systemd', 'session-2.scope'],
]

for (const [path, engine, name, pod] of table)
  test(path.replaceAll(id, 'ID'), () => {
    const found = findMaker(path)
    assert.deepEqual([found?.engine, found?.id, found?.pod], [engine, name, pod])
    assert.ok(path.startsWith(found!.cgroup))
  })

test('a path that no engine makes', () => {
  for (const path of ['/', '/batch/one', `/docker/${'g'.repeat(64)}`, '/docker'])
    assert.equal(findMaker(path), undefined)
})
