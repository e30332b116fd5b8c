/** User namespaces with maps, namespaces that are joined by path, clocks of their own. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { defaultBundleSpec } from '../../../src/cli/oci/default-spec.ts'
import { create, type RuntimeSpec } from '../../../src/index.ts'
import type { LinuxNamespace } from '../../../src/spec/runtime.ts'
import { makeSandbox } from '../../support/busybox-root.ts'
import { children, runPrinting } from './support.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())

function specOf(script: string, namespaces: readonly LinuxNamespace[], linux: RuntimeSpec['linux'] = {}): RuntimeSpec {
  const spec = defaultBundleSpec()
  const uts = namespaces.some(({ type, path }) => type === 'uts' && path === undefined)
  const { hostname: _, ...rest } = spec
  return {
    ...rest,
    ...(uts ? { hostname: 'own' } : {}),
    process: { ...spec.process!, terminal: false, args: ['/bin/sh', '-c', script] },
    root: { path: sandbox.rootfs },
    linux: { ...spec.linux, ...linux, namespaces: [...namespaces] },
  }
}

const usual: readonly LinuxNamespace[] = [
  { type: 'mount' },
  { type: 'pid' },
  { type: 'network' },
  { type: 'ipc' },
  { type: 'uts' },
  { type: 'cgroup' },
]

/** A container that only waits, for others to join. */
async function holder() {
  const box = await create({
    rootfs: sandbox.rootfs,
    runRoot: sandbox.runRoot,
    args: ['sleep', '100'],
    stdio: 'ignore',
  })
  await box.start()
  return box
}

test('a user namespace: root inside, somebody else outside', async () => {
  const maps = [{ containerID: 0, hostID: 100000, size: 65536 }]
  const spec = specOf(
    'id -u; id -g; cat /proc/self/uid_map; echo x > /dev/null; ls -ln /dev/null; echo up; read line',
    [...usual, { type: 'user' }],
    {
      uidMappings: maps,
      gidMappings: maps,
    },
  )
  let outside = ''
  const { stdout, result, stderr } = await runPrinting(sandbox, [], {
    spec,
    onStart: box =>
      void box.stdout!.on('data', chunk => {
        if (!String(chunk).includes('up\n')) return
        outside = readFileSync(`/proc/${box.pid}/status`, 'utf8')
        box.stdin!.end('\n')
      }),
  })
  assert.equal(result.exitCode, 0, stderr)
  const [uid, gid, map] = stdout.split('\n')
  assert.deepEqual([uid, gid, map!.trim().split(/\s+/)], ['0', '0', ['0', '100000', '65536']])
  assert.match(outside, /^Uid:\t100000\t100000\t100000\t100000$/m)
  assert.match(outside, /^Gid:\t100000\t/m)
})

test('in a user namespace, new or joined, sources of mounts that its root may not reach', async () => {
  const maps = [{ containerID: 0, hostID: 100000, size: 65536 }]
  const closed = join(sandbox.scratch, 'closed')
  mkdirSync(closed, { mode: 0o700 })
  mkdirSync(join(closed, 'volume'))
  writeFileSync(join(closed, 'volume/file'), 'reached\n')
  writeFileSync(join(closed, 'single'), 'also\n')
  const withMounts = (user: LinuxNamespace, script: string): RuntimeSpec => {
    const linux = user.path === undefined ? { uidMappings: maps, gidMappings: maps } : {}
    const spec = specOf(script, [...usual, user], linux)
    const mounts = [
      { destination: '/dev/a', source: join(closed, 'volume'), options: ['bind', 'ro', 'nosuid'] },
      { destination: '/dev/b', source: join(closed, 'single'), options: ['rbind'] },
      { destination: '/dev/c', source: join(closed, 'volume'), options: ['bind', 'idmap'] },
    ]
    return { ...spec, mounts: [...spec.mounts!, ...mounts] }
  }
  const script = 'cat /dev/a/file /dev/b; stat -c %u /dev/a/file /dev/c/file; (: >/dev/a/new); cat /proc/self/mounts'
  const seen = /^reached\nalso\n65534\n0\n.* \/dev\/a \S+ ro,nosuid/s
  const first = await runPrinting(sandbox, [], { spec: withMounts({ type: 'user' }, script) })
  assert.match(first.stdout, seen, first.stderr)
  assert.match(first.stderr, /Read-only file system/)

  const holding = withMounts({ type: 'user' }, 'sleep 100')
  await using box = await create({ spec: holding, runRoot: sandbox.runRoot, stdio: 'ignore' })
  await box.start()
  const joined = withMounts({ type: 'user', path: `/proc/${box.pid}/ns/user` }, script)
  const second = await runPrinting(sandbox, [], { spec: joined })
  assert.match(second.stdout, seen, second.stderr)

  const missing = withMounts({ type: 'user' }, 'true')
  missing.mounts!.at(-1)!.source = join(closed, 'nothing')
  const place = { errno: 2, path: join(closed, 'nothing'), configPointer: `/mounts/${missing.mounts!.length - 1}` }
  await assert.rejects(runPrinting(sandbox, [], { spec: missing }), place)
})

test('network, IPC and host name of another container, by path', async () => {
  await using other = await holder()
  const types = ['network', 'ipc', 'uts'] as const
  const file = { network: 'net', ipc: 'ipc', uts: 'uts' }
  const joined = types.map(type => ({ type, path: `/proc/${other.pid}/ns/${file[type]}` }))
  const script = 'hostname; for n in net ipc uts mnt pid; do readlink /proc/self/ns/$n; done'
  const { stdout } = await runPrinting(sandbox, [], {
    spec: specOf(script, [{ type: 'mount' }, { type: 'pid' }, ...joined]),
  })
  const [name, ...links] = stdout.trim().split('\n')
  assert.equal(name, other.id.slice(0, 12))
  const others = ['net', 'ipc', 'uts', 'mnt', 'pid'].map(kind => readlinkSync(`/proc/${other.pid}/ns/${kind}`))
  assert.deepEqual(links.slice(0, 3), others.slice(0, 3))
  assert.notEqual(links[3], others[3])
  assert.notEqual(links[4], others[4])
})

test('the PID namespace of another container: its processes are seen, and no zombie is left of the fork', async () => {
  await using other = await holder()
  const namespaces: LinuxNamespace[] = [{ type: 'mount' }, { type: 'pid', path: `/proc/${other.pid}/ns/pid` }]
  const { stdout, result } = await runPrinting(sandbox, [], {
    spec: specOf('cat /proc/1/cmdline; echo; echo $$; exit 6', namespaces),
  })
  const [first, own] = stdout.split('\n')
  assert.equal(first, 'sleep\x00100\x00')
  assert.ok(Number(own) > 1)
  assert.equal(result.exitCode, 6)
  assert.deepEqual(children().length, 1, 'only the other container is left')
})

const noTimeNamespaces = !existsSync('/proc/self/ns/time') && 'this kernel has no time namespaces (CONFIG_TIME_NS)'

test('a time namespace with a clock of its own', { skip: noTimeNamespaces }, async () => {
  const namespaces: LinuxNamespace[] = [...usual, { type: 'time' }]
  const spec = specOf('cut -d. -f1 /proc/uptime', namespaces, { timeOffsets: { boottime: { secs: 1_000_000 } } })
  const { stdout } = await runPrinting(sandbox, [], { spec })
  const host = Number(readFileSync('/proc/uptime', 'utf8').split('.')[0])
  const ahead = Number(stdout) - host
  assert.ok(ahead >= 1_000_000 && ahead < 1_000_100, `ahead by ${ahead} s`)
})

test('a namespace that is not there is named by its place in config.json', async () => {
  const spec = specOf('true', [{ type: 'mount' }, { type: 'network', path: '/run/no/such/netns' }])
  await assert.rejects(runPrinting(sandbox, [], { spec }), {
    code: 'KERNEL_OPERATION_FAILED',
    message: /^join network namespace \/run\/no\/such\/netns: ENOENT/,
    configPointer: '/linux/namespaces/1/path',
  })
})
