/**
 * To be run as PID 1 of a PID namespace: node reuse-pid.ts ROOTFS SCRATCH CASE
 *
 * A record names a process. At the very moment when something of it is opened by its number, the process is killed and
 * reaped, and another one gets the number: in ROOTFS, and in namespaces of its own. Prints what became of the case.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs, { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { runInContainer } from '../../src/engine/by-name/container-process.ts'
import { openJoined } from '../../src/engine/connect/joined-namespaces.ts'
import { shareNetwork } from '../../src/engine/connect/network.ts'
import { copyFileOut } from '../../src/engine/files/copy.ts'
import { exportContainer, isUtsuwaError } from '../../src/index.ts'
import { exec } from '../../src/runtime/exec.ts'
import { openOfInit } from '../../src/runtime/state/first-process.ts'
import { containersDirectory } from '../../src/runtime/state/names.ts'
import { addRecord, type ContainerRecord } from '../../src/runtime/state/record.ts'
import { readProcessStat } from '../../src/runtime/state/status.ts'
import { recordOf } from '../unit/runtime/state/support.ts'

const TRIES = 100
const [rootfs = '', scratch = '', name = ''] = process.argv.slice(2)
const runRoot = join(scratch, 'run')
const stateRoot = containersDirectory(runRoot)

/** Without giving the event loop a turn: what is being opened waits. */
function wait(until: () => boolean): void {
  const cell = new Int32Array(new SharedArrayBuffer(4))
  for (let tries = 0; !until(); tries++) {
    if (tries === 2000) throw new Error('it did not happen within 10 s')
    Atomics.wait(cell, 0, 0, 5)
  }
}

function reuse(pid: number): void {
  process.kill(pid, 'SIGKILL')
  wait(() => !existsSync(`/proc/${pid}`))
  for (let tries = 0; tries < TRIES; tries++) {
    writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1))
    const other = spawn('unshare', ['--net', '--ipc', `--root=${rootfs}`, '/bin/sleep', '100'], { stdio: 'ignore' })
    if (other.pid === pid) {
      wait(() => readlinkSync(`/proc/${pid}/root`) === rootfs)
      return
    }
    other.kill('SIGKILL')
  }
  throw new Error(`no process got the number ${pid} again`)
}

const cases: Record<string, (record: ContainerRecord) => unknown> = {
  root: record => openOfInit(record, 'root'),
  namespace: record => openOfInit(record, 'ns/mnt'),
  copy: record => copyFileOut(record, '/etc/secret'),
  async export({ id }) {
    const target = join(scratch, 'exported.tar')
    await exportContainer(id, target, { runRoot })
    return readFileSync(target).includes('of a stranger') || undefined
  },
  home: ({ id }) => exec(stateRoot, id, { args: ['/bin/true'], cwd: '/', user: { uid: 0, gid: 0 } }),
  user: ({ id }) => runInContainer(stateRoot, id, ['/bin/true'], { user: 'unheard-of' }),
  join: ({ id }) => openJoined({ ipc: id }, runRoot),
  network: ({ id }) =>
    shareNetwork(
      stateRoot,
      { root: scratch, container: id, ports: [], aliases: [], extraHosts: [] },
      {
        ociVersion: '1.3.0',
      },
    ),
}

const shell = spawn('/bin/sh', ['-c', 'sleep 100 & echo $!; wait'], { stdio: ['ignore', 'pipe', 'inherit'] })
const pid = Number((await once(shell.stdout, 'data'))[0])
wait(() => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n')
const own = join(scratch, 'own')
mkdirSync(own)
const record = recordOf('box', {
  phase: 'created',
  rootfs: own,
  pid,
  pidStartTime: readProcessStat(pid)!.startTime,
})
{
  using container = addRecord(stateRoot, record)
  container.writeSpec({ ociVersion: '1.3.0', process: { args: ['/bin/true'], cwd: '/', user: { uid: 0, gid: 0 } } })
}

let isReused = false
const { openSync } = fs
fs.openSync = ((path, ...rest) => {
  if (!isReused && String(path).startsWith(`/proc/${pid}/`)) {
    isReused = true
    reuse(pid)
  }
  return openSync(path, ...rest)
}) as typeof openSync
syncBuiltinESMExports()

async function outcome(): Promise<string> {
  try {
    return (await cases[name]!(record)) === undefined ? 'nothing' : 'something of another process'
  } catch (error) {
    if (!isUtsuwaError(error)) throw error
    return error.code
  }
}

process.stdout.write(`${await outcome()}${isReused ? '' : ', and the number was not used again'}\n`)
process.exit()
