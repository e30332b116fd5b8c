/** config.md, "Process" and what follows it: the process as the kernel shows it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { LinuxMemoryPolicy, Process } from '../../src/spec/runtime.ts'
import { isOurs, Playground } from '../integration/oci/runtime.ts'

/** What the command prints on its own; `process` changes the default process. */
async function output(t: TestContext, script: string, process: Partial<Process>): Promise<string> {
  const ground = new Playground(t)
  ground.configure(['sh', '-c', script], spec => {
    spec.process = { ...spec.process!, ...process }
  })
  return (await ground.succeed(['run', '--bundle', ground.bundle, ground.newId()])).stdout
}

test('user, groups, umask, working directory and environment are those of the spec', async t => {
  const text = await output(t, 'id -u; id -g; cat /proc/self/status; umask; busybox pwd; echo $NAME', {
    user: { uid: 7, gid: 8, umask: 0o027, additionalGids: [9, 10] },
    cwd: '/tmp',
    env: ['PATH=/bin', 'NAME=a value'],
  })
  assert.match(text, /^7\n8\n/)
  assert.match(text, /^Groups:\t(8 )?9 10 $/m)
  assert.match(text, /\n0027\n\/tmp\na value\n$/)
})

test('a soft and a hard limit are exactly what the spec says', async t => {
  const text = await output(t, 'cat /proc/self/limits', {
    rlimits: [
      { type: 'RLIMIT_NOFILE', soft: 77, hard: 99 },
      { type: 'RLIMIT_CORE', soft: 0, hard: 4096 },
    ],
  })
  assert.match(text, /^Max open files +77 +99 /m)
  assert.match(text, /^Max core file size +0 +4096 /m)
})

test('oom_score_adj is set when the spec says so, and otherwise left as it is', async t => {
  const own = readFileSync('/proc/self/oom_score_adj', 'utf8')
  assert.equal(await output(t, 'cat /proc/self/oom_score_adj', {}), own)
  assert.equal(await output(t, 'cat /proc/self/oom_score_adj', { oomScoreAdj: 123 }), '123\n')
})

test('no_new_privs is set exactly when the spec says so', async t => {
  for (const noNewPrivileges of [true, false])
    assert.match(
      await output(t, 'cat /proc/self/status', { noNewPrivileges }),
      new RegExp(`^NoNewPrivs:\t${Number(noNewPrivileges)}$`, 'm'),
    )
})

test('an unknown capability is a warning, and the known ones are granted', async t => {
  const ground = new Playground(t)
  ground.configure(['cat', '/proc/self/status'], spec => {
    const names = ['CAP_KILL', 'CAP_OF_THE_FUTURE']
    spec.process!.capabilities = { bounding: names, effective: names, permitted: names }
  })
  const { stdout, stderr } = await ground.succeed(['run', '--bundle', ground.bundle, ground.newId()])
  assert.match(stderr, /level=warning .*CAP_OF_THE_FUTURE/)
  assert.match(stdout, /^CapEff:\t0000000000000020$/m)
})

test('the console size is ignored without a terminal', async t => {
  assert.equal(
    await output(t, 'tty', { consoleSize: { width: 10, height: 10 } }).catch(() => 'not a tty\n'),
    'not a tty\n',
  )
})

test('scheduler and I/O priority are the kernel’s', { skip: isOurs ? false : 'runc 1.1 ignores them' }, async t => {
  const text = await output(t, 'cat /proc/self/stat', { scheduler: { policy: 'SCHED_BATCH', nice: 5 } })
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  assert.deepEqual([fields[16], fields[38]], ['5', '3'])
})

test('the memory policy is that of the spec, and one that the kernel refuses is an error', {
  skip: !isOurs && 'runc has memoryPolicy from 1.4 on',
}, async t => {
  const ground = new Playground(t)
  const run = (memoryPolicy: LinuxMemoryPolicy) => {
    ground.configure(['cat', '/proc/self/numa_maps'], spec => {
      spec.linux!.memoryPolicy = memoryPolicy
    })
    return ground.call(['run', '-b', ground.bundle, ground.newId()])
  }
  const { stdout, stderr } = await run({ mode: 'MPOL_BIND', nodes: '0', flags: ['MPOL_F_STATIC_NODES'] })
  if (/ENOSYS/.test(stderr)) return t.skip('this kernel has no memory policies (CONFIG_NUMA)')
  assert.match(stdout, / bind=static:0 /, stderr)
  assert.match((await run({ mode: 'MPOL_BIND' })).stderr, /set memory policy .*EINVAL.*\[\/linux\/memoryPolicy\]/)
})
