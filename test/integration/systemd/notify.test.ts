/** A container as a service of systemd that says when it is ready: Type=notify. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { Playground, RUNTIME } from '../oci/runtime.ts'
import { systemctl } from './support.ts'

test('systemd waits until the container is ready, and takes its first process for that of the service', async t => {
  const ground = new Playground(t)
  const sender = join(import.meta.dirname, '../oci/sd-notify.c')
  execFileSync('musl-gcc', ['-static', '-O1', '-o', join(ground.bundle, 'rootfs/bin/notify'), sender])
  ground.configure(['sh', '-c', 'notify READY=1; exec sleep 1000'])
  const id = ground.newId()
  const unit = `utsuwatest-${id}.service`
  t.after(() => spawnSync('systemctl', ['kill', '--signal', 'KILL', unit]))
  const words = [RUNTIME, '--root', ground.stateRoot, 'run', '--bundle', ground.bundle, id]
  // It returns when the service is active, which is when systemd was told so.
  execFileSync('systemd-run', ['--quiet', '--service-type=notify', `--unit=${unit}`, ...words])
  const show = (name: string): string => systemctl('show', '--value', '--property', name, unit)
  assert.deepEqual([show('ActiveState'), show('MainPID')], ['active', String((await ground.state(id)).pid)])
  await ground.succeed(['kill', id, 'KILL'])
})
