/**
 * A container is launched through each foreign function interface, so that none of them is closed to us
 * (docs/adr/0001-ffi-boundary.md). Nothing of src/sys is used here but the plan and its encoding.
 */
import assert from 'node:assert/strict'
import { closeSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { defaultBundleSpec } from '../../../src/cli/oci/default-spec.ts'
import { parseReport } from '../../../src/launch/conversation.ts'
import { type CompiledPlan, compile } from '../../../src/plan/compile.ts'
import { encodeHostStage, encodePlanFile } from '../../../src/plan/encode.ts'
import { planVocabulary } from '../../../src/plan/ops.ts'
import { errnos } from '../../../src/util/errno.ts'
import { vocabularyHash } from '../../../src/util/wire.ts'
import { makeSandbox } from '../../support/busybox-root.ts'
import { type ForeignFunctions, routes } from './foreign-functions.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())

const SOCK_SEQPACKET = 5
const init = readFileSync(join(import.meta.dirname, '../../../build/native/init'))

function planOf(args: string[], root = sandbox.rootfs): CompiledPlan {
  const spec = defaultBundleSpec({ cgroupNamespace: true })
  return compile({
    id: 'ffi',
    spec: { ...spec, process: { ...spec.process!, terminal: false, args }, root: { path: root } },
    bundlePath: sandbox.scratch,
    host: { cgroupMount: undefined, cgroupControllers: [] },
    cgroupPath: undefined,
    gate: 'report',
  })
}

/** struct utsuwa_launch_result and struct utsuwa_exit of native/libutsuwa.h. */
const layout = { launchResult: 288, pid: 0, pidfd: 4, failedIndex: 8, exit: 24, exitCode: 0, bySignal: 4 } as const

/** Launches, starts and reaps: the container's exit code, or −errno of the launch. */
async function launch(native: ForeignFunctions, plan: CompiledPlan): Promise<number> {
  const pair = Buffer.alloc(8)
  assert.equal(native.socketpair(SOCK_SEQPACKET, pair), 0)
  const [report, initReport] = [pair.readInt32LE(0), pair.readInt32LE(4)]
  const [initFd, planFd] = [native.sealedMemfd('init', init), native.sealedMemfd('plan', encodePlanFile(plan))]
  const given = { plan: planFd, report: initReport } as Record<string, number>
  const fds = Buffer.from(Int32Array.of(initFd, -1, -1, -1, ...plan.descriptors.map(name => given[name]!)).buffer)
  const result = Buffer.alloc(layout.launchResult)
  const planNumber = plan.firstDescriptor + plan.descriptors.indexOf('plan')
  const status = await native.launch(encodeHostStage(plan), fds, planNumber, result)
  for (const fd of [initReport, initFd, planFd]) closeSync(fd)
  try {
    if (status < 0) return status
    const first = await nextReport(native, report)
    assert.equal(first?.kind, 'ready', JSON.stringify(first))
    assert.equal(native.send(report, Buffer.of(1), -1), 0)
    assert.equal((await nextReport(native, report))?.kind, 'executing')
    assert.equal(await nextReport(native, report), undefined, 'the end of the socket says that the command runs')
    return await reap(native, result.readInt32LE(layout.pidfd))
  } finally {
    closeSync(report)
  }
}

async function nextReport(native: ForeignFunctions, socket: number) {
  const [buffer, fd] = [Buffer.alloc(4096), Buffer.alloc(4)]
  for (;;) {
    const size = native.receive(socket, buffer, fd)
    if (size >= 0) return size === 0 ? undefined : parseReport(buffer.subarray(0, size))
    assert.equal(size, -errnos.EAGAIN)
    await sleep(1)
  }
}

async function reap(native: ForeignFunctions, pidfd: number): Promise<number> {
  const exit = Buffer.alloc(layout.exit)
  while (native.pidfdWait(pidfd, exit) === 0) await sleep(1)
  closeSync(pidfd)
  return exit.readInt32LE(layout.exitCode) + 128 * exit.readInt32LE(layout.bySignal)
}

for (const [name, load] of Object.entries(routes)) {
  test(`through ${name}: a container runs and its exit code comes back`, async () => {
    const native = await load()
    assert.equal(await launch(native, planOf(['/bin/true'])), 0)
    assert.equal(await launch(native, planOf(['/bin/sh', '-c', 'test $$ = 1 && exit 42'])), 42)
  })

  test(`through ${name}: an error is a number that the call itself returns`, async () => {
    const native = await load()
    const plan = planOf(['/bin/true'])
    const impossible = {
      ...plan,
      host: [{ op: 'open_cgroup', path: '/no/such/cgroup', pointer: '' }, ...plan.host] as const,
    }
    assert.equal(await launch(native, impossible), -errnos.ENOENT)
  })

  test(`through ${name}: the plan that is written is the plan that is read`, async () => {
    assert.equal((await load()).planHash(), vocabularyHash(planVocabulary))
  })
}
