/** Tests that launch containers: here where the kernel is fit for them, otherwise in the VM. */
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { availableParallelism, freemem } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { compilerRoot, debianRoot, postgresRoot } from '../support/debian-root.ts'
import { npmPackages } from '../support/npm-packages.ts'
import { runNodeTests } from './node-tests.ts'
import { fromRoot, type Result } from './result.ts'

const CGROUP2_SUPER_MAGIC = 0x63677270

const VM_MEMORY_MIB = 3072
/** That, the disk's cached pages, and what the tests fetch. */
const VM_NEEDS_BYTES = 4 * 1024 ** 3

/** One after the other: they measure CPU time and memory, and some count every mount and cgroup of the machine. */
const oneByOne = { concurrency: 1, timeout: 280_000 }

/** Milliseconds without a word from the VM: more than the timeout of a test, whose file then reports. */
const silenceLimit = 300_000

export async function runKernelTests(files: readonly string[], { here = false } = {}): Promise<Result[]> {
  if (files.length === 0) return []
  if (process.getuid?.() !== 0) return [failure('these tests need root: sudo make test', files)]
  if (here) return runNodeTests(files, oneByOne)
  const {
    plain = [],
    systemd = [],
    network = [],
    emulated = [],
    fresh = [],
    bench = [],
    browser = [],
    host = [],
  } = Object.groupBy(files, machineFor)
  return inLanes([
    () => runWhereTheyCan(plain.filter(isEven), false),
    () => runWhereTheyCan(plain.filter(isOdd), false),
    () => runWhereTheyCan(fresh, false),
    () => runWhereTheyCan(systemd, true),
    () => runWithDebianKernel([...emulated, ...(canConnect() ? [] : network)]),
    async () => (canConnect() ? runConnected(network) : []),
    () => runBenchmarks(bench),
    () => runInBrowser(browser),
    () => runHere(host),
  ])
}

const isEven = (_: unknown, index: number): boolean => index % 2 === 0
const isOdd = (_: unknown, index: number): boolean => index % 2 === 1

/** VMs do not see each other: two run side by side where there are CPUs and memory for both. In this kernel they would. */
async function inLanes(tasks: readonly (() => Promise<Result[]>)[]): Promise<Result[]> {
  const waiting = tasks.entries()
  const results: Result[][] = []
  const lane = async (): Promise<void> => {
    for (const [index, task] of waiting) results[index] = await task()
  }
  const canShare = !hasPureCgroup2() && availableParallelism() > 1 && freemem() > 2 * VM_NEEDS_BYTES
  await Promise.all(canShare ? [lane(), lane()] : [lane()])
  return results.flat()
}

type Machine = 'plain' | 'systemd' | 'network' | 'emulated' | 'fresh' | 'bench' | 'browser' | 'host'

const machines: Readonly<Record<string, Machine>> = {
  systemd: 'systemd',
  network: 'network',
  bench: 'bench',
  browser: 'browser',
  host: 'host',
  criu: 'emulated',
  controllers: 'emulated',
  examples: 'fresh',
  package: 'fresh',
}

/**
 * What is in the folder `systemd` asks for systemd as PID 1; in `criu` for a kernel that Debian's criu knows, and in
 * `controllers` for one with more of them than User Mode Linux has: both for Debian's, emulated. What is in `network`, also of `test/security`, asks
 * for bridges and NAT, which User Mode Linux has not, and sets no limits: any hierarchy of cgroups will do. What is in
 * `bench` mounts a hierarchy of its own. What is in `browser` starts one, and no container; what is in
 * `host` starts none either, and asks for this kernel's speed and calls. What is in `examples` and `package` needs more of a machine than all others, and
 * gets a VM in which nothing has run before.
 */
function machineFor(file: string): Machine {
  const [folder = ''] = /(?<=^test\/(?:integration|security)\/)\w+(?=\/)/.exec(fromRoot(file)) ?? []
  return machines[folder] ?? 'plain'
}

/** Whether a network namespace here may have a bridge, and rules that translate addresses. */
function canConnect(): boolean {
  const script =
    'ip link add name bridge0 type bridge && ip link add name pair0 type veth && iptables -w -t nat -A POSTROUTING -j MASQUERADE'
  return spawnSync('unshare', ['--net', 'sh', '-c', script], { stdio: 'ignore' }).status === 0
}

async function runConnected(files: readonly string[]): Promise<Result[]> {
  if (files.length === 0) return []
  console.log('\nTests of networks, in network namespaces of this kernel:')
  return runNodeTests(files, oneByOne)
}

async function runBenchmarks(files: readonly string[]): Promise<Result[]> {
  if (files.length === 0) return []
  console.log('\nThe benchmarks, in a cgroup hierarchy of their own:')
  return runNodeTests(files, oneByOne)
}

async function runInBrowser(files: readonly string[]): Promise<Result[]> {
  if (files.length === 0) return []
  console.log('\nPages in a browser, here:')
  return runNodeTests(files, oneByOne)
}

async function runHere(files: readonly string[]): Promise<Result[]> {
  if (files.length === 0) return []
  console.log('\nTests that start no container, here:')
  return runNodeTests(files, oneByOne)
}

async function runWhereTheyCan(files: readonly string[], systemd: boolean): Promise<Result[]> {
  if (files.length === 0) return []
  if (hasPureCgroup2() && (!systemd || existsSync('/run/systemd/system'))) {
    console.log('\nTests in this kernel, which has a pure cgroup v2 hierarchy:')
    return runNodeTests(files, oneByOne)
  }
  const missing = systemd ? 'cgroups that systemd manages, in version 2 alone' : 'pure cgroup v2 hierarchy'
  console.log(`\nThis machine has no ${missing}. Tests in the VM (test/vm/README.md):`)
  return runInVm(files, systemd ? ['--systemd'] : [])
}

/** criu of a suite knows the kernels that were there before it: on a later one it fails, for reasons of its own. */
async function runWithDebianKernel(files: readonly string[]): Promise<Result[]> {
  if (files.length === 0) return []
  console.log('\nTests of checkpoints and rare controllers. In the VM, emulated, with the kernel of Debian bookworm:')
  return runInVm(files, ['--engine', 'qemu'])
}

function hasPureCgroup2(): boolean {
  return statfsSync('/sys/fs/cgroup').type === CGROUP2_SUPER_MAGIC
}

const failure = (reason: string, files: readonly string[]): Result => ({
  group: 'tests that launch containers',
  name: files.length === 1 ? fromRoot(files[0] ?? '') : `${files.length} files`,
  status: 'failed',
  reason,
  milliseconds: 0,
})

async function runInVm(files: readonly string[], flags: readonly string[]): Promise<Result[]> {
  await download(files)
  const directory = mkdtempSync('build/vm-results-')
  const resultsFile = join(directory, 'results.json')
  const command = [process.execPath, 'test/run.ts', '--results', resultsFile, ...files.map(fromRoot)]
  const options = [...flags, '--rw', directory, '--memory', `${VM_MEMORY_MIB}`, '--timeout', '3000']
  const how = await watch(
    spawn('test/vm/run', [...options, '--', ...command], { stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  try {
    return JSON.parse(readFileSync(resultsFile, 'utf8'))
  } catch {
    const result = failure(`the VM ended with ${how} and left no results`, files)
    console.log(`FAIL  ${result.group}: ${result.reason}`)
    return [result]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What tests fetch once: the VM has no network, and what it writes is lost. */
async function download(files: readonly string[]): Promise<void> {
  const runs = (part: string): boolean => files.some(file => fromRoot(file).startsWith(`test/integration/${part}`))
  await debianRoot()
  // Together: most of it is waiting for a server.
  await Promise.all([
    (runs('examples/') || runs('package/')) && compilerRoot(),
    runs('examples/postgres-tests') && postgresRoot(),
    runs('package/') && npmPackages('node-versions'),
    runs('testing/vitest') && npmPackages('vitest'),
  ])
}

/** Passes on what the VM prints until it ends; a guest that says nothing for long hangs, its own timeouts included. */
function watch(vm: ChildProcessByStdio<null, Readable, null>): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const silence = setTimeout(() => vm.kill(), silenceLimit)
  vm.stdout.on('data', (text: Buffer) => {
    silence.refresh()
    process.stdout.write(text)
  })
  vm.on('error', error => resolve(error.message))
  vm.on('close', (code, signal) => {
    clearTimeout(silence)
    resolve(signal ?? `exit code ${code}`)
  })
  return promise
}
