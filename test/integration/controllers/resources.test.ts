/** What the usual VM has not, in the emulated one: the controllers hugetlb, rdma and cpuset, and pressure. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { LinuxResources } from '../../../src/spec/runtime.ts'
import { makeBusyboxRoot, openWorkplace } from '../../support/command-line.ts'
import { isOurs, type Outcome, Playground } from '../oci/runtime.ts'

const missing = ['hugetlb', 'rdma', 'cpuset'].filter(name => !readControllers().includes(name))
const skip = missing.length > 0 && `this kernel has no ${missing.join(', ')}: test/vm/run --engine qemu has`

function readControllers(): string[] {
  try {
    return readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').trim().split(' ')
  } catch {
    return []
  }
}

function run(
  t: TestContext,
  script: string,
  resources: LinuxResources,
  prepare: (ground: Playground) => void = () => undefined,
): Promise<Outcome> {
  const ground = new Playground(t)
  prepare(ground)
  ground.configure(['sh', '-c', script], spec => {
    const { devices = [] } = spec.linux!.resources ?? {}
    spec.linux!.resources = { devices, ...resources }
    // Of the container’s own cgroup, for a look at what is in force.
    spec.mounts!.push({ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] })
  })
  return ground.call(['run', '--bundle', ground.bundle, ground.newId()])
}

test('hugetlb: what is within the limit is mapped, more is refused', { skip }, async t => {
  const nrHugepages = '/proc/sys/vm/nr_hugepages'
  const before = readFileSync(nrHugepages, 'utf8')
  writeFileSync(nrHugepages, '8')
  t.after(() => writeFileSync(nrHugepages, before))
  assert.equal(readFileSync(nrHugepages, 'utf8').trim(), '8', 'the machine has no memory for eight huge pages')
  const limits = 'cd /sys/fs/cgroup; cat hugetlb.2MB.max hugetlb.2MB.rsvd.max'
  const { stdout, stderr } = await run(
    t,
    `${limits}; /bin/huge-pages 2; /bin/huge-pages 3`,
    { hugepageLimits: [{ pageSize: '2MB', limit: 4 << 20 }] },
    ground => {
      const program = join(ground.bundle, 'rootfs/bin/huge-pages')
      execFileSync('musl-gcc', ['-static', '-O1', '-o', program, join(import.meta.dirname, 'huge-pages.c')])
    },
  )
  assert.match(stdout, /^4194304\n4194304\nenough\n.*memory\n$/i, stderr)
})

test('hugetlb: a size that the kernel has no pages of is an error', { skip }, async t => {
  const { status, stderr } = await run(t, 'true', { hugepageLimits: [{ pageSize: '3MB', limit: 1 }] })
  assert.equal(status, 1)
  if (isOurs) assert.match(stderr, /write hugetlb\.3MB\.max 1: ENOENT .*\[\/linux\/resources\/hugepageLimits\/0\]/)
})

test('rdma: the controller is enabled, and a device that is not there is an error', { skip }, async t => {
  const { status, stderr } = await run(t, 'true', { rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 100 } } })
  assert.equal(status, 1)
  if (isOurs)
    assert.match(
      stderr,
      /write rdma\.max \\?"mlx5_1 hca_handle=3 hca_object=100\\?": ENODEV .*\[\/linux\/resources\/rdma\/mlx5_1\]/,
    )
})

test('cpuset: the processors and memory nodes are those of the spec', { skip }, async t => {
  const script = 'cd /sys/fs/cgroup; cat cpuset.cpus.effective cpuset.mems.effective; busybox nproc'
  const { stdout, stderr } = await run(t, script, { cpu: { cpus: '0', mems: '0' } })
  assert.equal(stdout, '0\n0\n1\n', stderr)
})

interface Run {
  readonly exit: string
  readonly output: string
  readonly metrics: Readonly<Record<'memory-pressure' | 'peak', number>>
}

/** The example of the cgroup lab; test/integration/lab has the others. */
test('pressure: it tells of too little memory when nobody is killed', { skip: skip || !isOurs }, async () => {
  using workplace = openWorkplace()
  const { directory } = workplace
  const example = readFileSync(join(import.meta.dirname, '../../../examples/lab/pressure.yaml'), 'utf8')
  const here = example
    .replace('image: busybox', `rootfs: ${makeBusyboxRoot(directory)}`)
    .replace(/ROUNDS: \d+/, 'ROUNDS: 3')
  writeFileSync(join(directory, 'pressure.yaml'), here)
  const words = ['lab', 'run', '--json', '--out', join(directory, 'out'), join(directory, 'pressure.yaml')]
  const { stdout, stderr } = await workplace.utsuwa(...words)
  assert.match(stdout, /^\{/, stderr)
  const { runs } = JSON.parse(stdout) as { runs: { containers: { main: Run } }[] }
  const [wide, narrow] = runs.map(({ containers }) => containers.main)
  assert.deepEqual([wide!.exit, narrow!.exit], ['exit 0', 'exit 0'], narrow!.output)
  assert.ok(narrow!.metrics['memory-pressure'] > wide!.metrics['memory-pressure'], stdout)
  // Neither was near its memory.max.
  for (const { metrics } of [wide!, narrow!]) assert.ok(metrics.peak < 80 * 2 ** 20, stdout)
})
