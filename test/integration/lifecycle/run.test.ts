/** `run` of a plain directory: what the command sees, and what its caller gets back. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isUtsuwaError, type UtsuwaErrorCode } from '../../../src/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'
import { runPrinting, sh } from './support.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())

const withCode = (code: UtsuwaErrorCode, message: RegExp) => (error: unknown) => {
  assert.ok(isUtsuwaError(error, code), String(error))
  assert.match(error.message, message)
  return true
}

test('exit codes and signals', async () => {
  for (const code of [0, 1, 7, 255]) {
    const { result } = await sh(sandbox, `exit ${code}`)
    assert.deepEqual([result.exitCode, result.signal, result.oom], [code, undefined, undefined])
  }
  // PID 1 is deaf to its own signals but for those from outside.
  const { result } = await sh(sandbox, 'echo up; sleep 100', {
    onStart: container => void container.stdout!.once('data', () => container.kill('KILL')),
  })
  assert.deepEqual([result.exitCode, result.signal], [137, 'SIGKILL'])
})

test('a signal reaches a handler of the command', async () => {
  const { result, stdout } = await sh(sandbox, 'trap "echo got; exit 3" TERM; echo up; while :; do sleep 0.01; done', {
    onStart: container => void container.stdout!.once('data', () => container.kill()),
  })
  assert.equal(result.exitCode, 3)
  assert.equal(stdout, 'up\ngot\n')
})

test('streams: what is written to stdin comes back, stdout and stderr apart', async () => {
  const { stdout, stderr } = await sh(sandbox, 'cat; echo problem >&2', {
    onStart: container => void container.stdin!.end('hello\n'),
  })
  assert.equal(stdout, 'hello\n')
  assert.equal(stderr, 'problem\n')
})

test('streams: megabytes arrive whole', async () => {
  const { stdout } = await sh(sandbox, 'yes 0123456789abcdef | head -c 5000000')
  assert.equal(stdout.length, 5_000_000)
})

test('an AbortSignal kills the container', async () => {
  const controller = new AbortController()
  const running = runPrinting(sandbox, ['sleep', '100'], {
    signal: controller.signal,
    onStart: () => void setTimeout(() => controller.abort(new Error('enough')), 50),
  })
  await assert.rejects(running, (error: unknown) => {
    assert.ok(isUtsuwaError(error, 'ABORTED'), String(error))
    assert.equal((error.cause as Error).message, 'enough')
    return true
  })
  await assert.rejects(
    runPrinting(sandbox, ['true'], { signal: controller.signal }),
    withCode('ABORTED', /its AbortSignal fired/),
  )
})

test('the command that cannot be run: by the words that engines look for', async () => {
  writeFileSync(join(sandbox.rootfs, 'etc/text'), 'x', { mode: 0o644 })
  writeFileSync(join(sandbox.rootfs, 'bin/garbage'), '\x7fnot a program', { mode: 0o755 })
  writeFileSync(join(sandbox.rootfs, 'bin/no-interpreter'), '#!/no/such\n', { mode: 0o755 })
  const cases: [string, UtsuwaErrorCode, RegExp][] = [
    ['nope', 'COMMAND_NOT_FOUND', /exec: "nope": executable file not found in \$PATH/],
    ['/nope', 'COMMAND_NOT_FOUND', /stat \/nope: no such file or directory/],
    ['/etc/text', 'COMMAND_NOT_EXECUTABLE', /permission denied/],
    ['/etc', 'COMMAND_NOT_EXECUTABLE', /is a directory/],
    ['garbage', 'COMMAND_NOT_EXECUTABLE', /exec format error/],
    ['no-interpreter', 'COMMAND_NOT_FOUND', /no such file or directory/],
  ]
  for (const [command, code, message] of cases)
    await assert.rejects(runPrinting(sandbox, [command]), withCode(code, message), command)
})

test('user, groups and home of the container’s own files', async () => {
  const id = async (user: string) => (await sh(sandbox, 'id -u; id -g; id -G; echo $HOME', { user })).stdout.split('\n')
  assert.deepEqual(await id('alice'), ['1000', '1000', '1000 50', '/tmp', ''])
  assert.deepEqual((await id('1234:5678')).slice(0, 3), ['1234', '5678', '5678'])
  assert.deepEqual((await id('0')).slice(0, 3), ['0', '0', '0'])
})

test('working directory, environment, host name', async () => {
  const { stdout } = await sh(sandbox, 'pwd; echo $GREETING; hostname; env | grep -c .', {
    cwd: '/made/for/it',
    env: { GREETING: 'hi there' },
    hostname: 'vessel',
  })
  const [cwd, greeting, name] = stdout.split('\n')
  assert.deepEqual([cwd, greeting, name], ['/made/for/it', 'hi there', 'vessel'])
  assert.equal(hostname(), readFileSync('/proc/sys/kernel/hostname', 'utf8').trim())
  assert.notEqual(hostname(), 'vessel')
})

test('the first process is 1, alone in its namespaces', async () => {
  const { stdout } = await sh(
    sandbox,
    'echo $$; ls /proc | grep -c "^[0-9]"; ls /sys/class/net; cat /proc/self/cgroup | tail -1',
  )
  const [pid, , interfaces, cgroup] = stdout.split('\n')
  assert.equal(pid, '1')
  assert.equal(interfaces, 'lo')
  assert.equal(cgroup, '0::/')
})

test('a read-only root with places to write', async () => {
  const { stdout } = await sh(sandbox, 'touch /x 2>&1; touch /run/y && stat -f -c %T /run; stat -c %a /run', {
    readonlyRootfs: true,
    tmpfs: ['/run:size=1m,mode=700'],
  })
  assert.match(stdout, /Read-only file system\ntmpfs\n700\n/)
})

test('volumes: read-only and writable, directories and files; their sources keep no trace of the mount', async () => {
  const directory = join(sandbox.scratch, 'volume')
  mkdirSync(directory)
  writeFileSync(join(directory, 'file'), 'from the host\n')
  const { stdout } = await sh(sandbox, 'cat /ro/file; touch /ro/x 2>&1; echo inside > /rw/new; cat /etc/one', {
    volumes: [`${directory}:/ro:ro`, `${directory}:/rw`, `${join(directory, 'file')}:/etc/one:ro`],
  })
  assert.match(stdout, /^from the host\n.*Read-only file system\nfrom the host\n$/s)
  assert.equal(readFileSync(join(directory, 'new'), 'utf8'), 'inside\n')
})

test('a volume through a link of the image stays inside the container', async () => {
  const directory = join(sandbox.scratch, 'linked')
  mkdirSync(directory)
  symlinkSync('/../../../../../../etc/inside-only', join(sandbox.rootfs, 'trap'))
  const { stdout } = await sh(sandbox, 'touch /trap/here; ls /etc/inside-only', { volumes: [`${directory}:/trap`] })
  assert.equal(stdout, 'here\n')
})

test('kernel memory and the like are masked or read-only', async () => {
  const { stdout } = await sh(
    sandbox,
    'for f in kcore keys timer_list interrupts; do [ ! -e /proc/$f ] || cat /proc/$f; done | wc -c; ls /sys/firmware | wc -l; for f in /proc/sys/kernel/hostname /proc/sysrq-trigger; do echo x 2>/dev/null > $f || echo no; done',
  )
  assert.equal(stdout.replaceAll(' ', ''), '0\n0\nno\nno\n')
})

test('a device that is not allowed cannot be opened, though its node can be made', async () => {
  const script =
    'mknod /dev/mem c 1 1 && echo made; cat /dev/mem 2>&1 >/dev/null; head -c 1 /dev/zero | wc -c; echo x > /dev/null && echo null'
  const { stdout } = await sh(sandbox, script, { capAdd: ['MKNOD'] })
  assert.match(stdout, /^made\n.*Operation not permitted\n\s*1\nnull\n$/s)
})

test('only descriptors 0 to 2 are open inside', async () => {
  const { stdout } = await runPrinting(sandbox, ['ls', '/proc/self/fd'])
  // 3 is the directory that ls reads
  assert.deepEqual(stdout.trim().split(/\s+/), ['0', '1', '2', '3'])
})

test('privileges: nothing inheritable or ambient, the default bounding set, a filter, SIGPIPE as the kernel has it', async () => {
  const { stdout } = await runPrinting(sandbox, ['cat', '/proc/self/status'])
  const field = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(stdout)?.[1]
  assert.equal(field('CapInh'), '0000000000000000')
  assert.equal(field('CapAmb'), '0000000000000000')
  assert.equal(field('CapBnd'), field('CapPrm'))
  assert.equal(BigInt(`0x${field('CapBnd')}`) & (1n << 21n), 0n, 'no CAP_SYS_ADMIN')
  assert.equal(field('Seccomp'), '2')
  assert.equal(field('SigIgn'), '0000000000000000')
  assert.equal(field('SigBlk'), '0000000000000000')
})

test('SIGPIPE ends a writer inside, although Node ignores it outside', async () => {
  const { stdout } = await sh(sandbox, '(yes; echo $? >&2) 2>/tmp/status | head -n 1; cat /tmp/status')
  assert.match(stdout, /^y\n141\n$/)
})

test('limits of the process and sysctls of its namespaces', async () => {
  const { stdout } = await sh(
    sandbox,
    'ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj /proc/sys/net/ipv4/ip_forward',
    {
      ulimits: ['nofile=123:456'],
      oomScoreAdj: 500,
      sysctls: { 'net.ipv4.ip_forward': '1' },
    },
  )
  assert.equal(stdout, '123\n456\n500\n1\n')
})

test('a result tells how long each phase took and what was used', async () => {
  const { result } = await sh(sandbox, 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done')
  for (const [phase, microseconds] of Object.entries(result.phases)) assert.ok(microseconds > 0, phase)
  assert.ok(result.usage.cpuUserMicroseconds + result.usage.cpuSystemMicroseconds > 1000)
})

test('what cannot be made leaves nothing and says where it failed', async () => {
  await assert.rejects(sh(sandbox, 'true', { mounts: [{ destination: '/x', type: 'nosuchfs' }] }), (error: unknown) => {
    assert.ok(isUtsuwaError(error, 'KERNEL_OPERATION_FAILED'), String(error))
    assert.match(error.message, /^mount nosuchfs at \/x: the kernel has no such file system: ENODEV/)
    assert.match(error.configPointer!, /^\/mounts\/\d+$/)
    return true
  })
  await assert.rejects(runPrinting(sandbox, ['a\0b']), isUtsuwaError)
  await assert.rejects(sh(sandbox, 'true', { rootfs: '/does/not/exist' }), withCode('INVALID_ARGUMENT', /ENOENT/))
})
