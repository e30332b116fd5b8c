import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { operationError } from '../../../src/launch/failure.ts'
import type { Operation } from '../../../src/plan/ops.ts'
import { errnos } from '../../../src/util/errno.ts'

const directory = mkdtempSync(join(tmpdir(), 'utsuwa-failure-'))
after(() => rmSync(directory, { recursive: true }))

const find = (file: string): Operation => ({
  op: 'find_executable',
  file,
  searchPath: '/bin',
  pointer: '/process/args/0',
})
const exec: Operation = { op: 'exec', args: ['x'], env: [], preserveFds: 0, pointer: '/process/args' }

test('the texts by which engines tell 127 from 126', () => {
  const texts: [string, number, string, string][] = [
    ['nope', errnos.ENOENT, 'COMMAND_NOT_FOUND', 'exec: "nope": executable file not found in $PATH'],
    ['/nope', errnos.ENOENT, 'COMMAND_NOT_FOUND', 'exec: "/nope": stat /nope: no such file or directory'],
    [
      '/etc/passwd/x',
      errnos.ENOTDIR,
      'COMMAND_NOT_FOUND',
      'exec: "/etc/passwd/x": stat /etc/passwd/x: not a directory',
    ],
    ['/etc/passwd', errnos.EACCES, 'COMMAND_NOT_EXECUTABLE', 'exec: "/etc/passwd": permission denied'],
    ['/etc', errnos.EISDIR, 'COMMAND_NOT_EXECUTABLE', 'exec: "/etc": permission denied: is a directory'],
    ['/loop', errnos.ELOOP, 'COMMAND_NOT_EXECUTABLE', 'exec: "/loop": ELOOP (too many symbolic links encountered)'],
  ]
  for (const [file, errno, code, message] of texts) {
    const error = operationError(find(file), errno, '')
    assert.equal(error.code, code)
    assert.equal(error.message, `${message} [/process/args/0]`)
    assert.equal(error.configPointer, '/process/args/0')
  }
})

test('a file that was found and yet not executed: the hint says what is missing', () => {
  const format = operationError(exec, errnos.ENOEXEC, '/bin/x')
  assert.equal(format.code, 'COMMAND_NOT_EXECUTABLE')
  assert.match(format.message, /^exec \/bin\/x: ENOEXEC \(exec format error\)/)
  assert.match(format.hint!, /architecture/)
  const interpreter = operationError(exec, errnos.ENOENT, '/bin/x')
  assert.equal(interpreter.code, 'COMMAND_NOT_FOUND')
  assert.match(interpreter.message, /no such file or directory/)
  assert.match(interpreter.hint!, /interpreter/)
  assert.equal(operationError(exec, errnos.E2BIG, '/bin/x').code, 'COMMAND_NOT_EXECUTABLE')
})

test('any other operation: what was done, what the kernel said, where config.json asked for it', () => {
  const pivot: Operation = { op: 'pivot_root', pointer: '/root/path' }
  const error = operationError(pivot, errnos.EPERM, '')
  assert.equal(error.code, 'KERNEL_OPERATION_FAILED')
  assert.equal(error.message, 'pivot root: EPERM (operation not permitted) [/root/path]')
  assert.equal(error.errno, errnos.EPERM)
  const detailed = operationError({ op: 'new_session', pointer: '' }, errnos.EIO, 'a detail')
  assert.equal(detailed.message, 'create session: a detail: EIO (i/o error)')
  assert.equal(detailed.configPointer, undefined)
  assert.equal(operationError(pivot, errnos.ENOSPC, '').code, 'NO_SPACE')
  assert.equal(operationError(pivot, errnos.EDQUOT, '').code, 'NO_SPACE')
})

test('a hook: its exit status, or why it did not run', () => {
  const hook: Operation = {
    op: 'run_hook',
    path: '/h',
    args: [],
    env: [],
    timeoutMs: 0,
    pointer: '/hooks/createContainer/0',
  }
  const status = operationError(hook, errnos.ECHILD, 'exit 3')
  assert.equal(status.code, 'HOOK_FAILED')
  assert.equal(status.message, 'run hook /h: exit status 3 [/hooks/createContainer/0]')
  assert.match(operationError(hook, errnos.ETIMEDOUT, '').message, /ETIMEDOUT/)
})

function createCgroup(): Operation {
  return {
    op: 'create_cgroup',
    mount: directory,
    path: '/parent/box',
    controllers: ['cpu', 'memory'],
    processes: 'refuse',
    pointer: '',
  }
}

test('a controller that is missing: where, and what to type', () => {
  const parent = join(directory, 'parent')
  mkdirSync(parent, { recursive: true })
  writeFileSync(join(parent, 'cgroup.controllers'), 'cpu pids\n')
  const missing = operationError(createCgroup(), errnos.ENOENT, 'nosuch /parent')
  assert.equal(missing.code, 'CONTROLLER_MISSING')
  assert.match(missing.message, new RegExp(`controller nosuch is not available in ${parent}`))
  assert.equal(missing.path, parent)
  assert.equal(
    missing.hint,
    `${parent} has only cpu, pids; delegate it: Delegate=nosuch in the unit, or enable it in each parent's cgroup.subtree_control`,
  )

  writeFileSync(join(parent, 'cgroup.controllers'), 'cpu nosuch\n')
  const busy = operationError(createCgroup(), errnos.EBUSY, 'nosuch /parent')
  assert.equal(busy.code, 'CGROUP_ERROR')
  assert.match(busy.hint!, /^echo \+nosuch > .*\/parent\/cgroup\.subtree_control; it fails while processes are in/)

  rmSync(join(parent, 'cgroup.controllers'))
  assert.match(operationError(createCgroup(), errnos.ENOENT, 'nosuch /parent').hint!, /has only none/)
})

test('a cgroup that is in use, or may not be made', () => {
  const populated = operationError(createCgroup(), errnos.EBUSY, '/parent/box')
  assert.equal(populated.code, 'CGROUP_ERROR')
  assert.match(populated.message, /the cgroup has processes in it/)
  assert.equal(operationError(createCgroup(), errnos.EACCES, '/parent').code, 'NOT_ROOT')
  assert.equal(operationError(createCgroup(), errnos.EINVAL, '/parent').code, 'CGROUP_ERROR')
})

test('an id map: the words of the helper, and what grants the ids', () => {
  const map: Operation = {
    op: 'write_id_map',
    file: 'gid_map',
    content: '0 1000 1\n1 100000 9\n',
    helper: '/usr/bin/newgidmap',
    pointer: '/linux/gidMappings',
  }
  const error = operationError(map, errnos.EPERM, 'newgidmap: gid range [1-10) -> [100000-100009) not allowed')
  assert.equal(error.code, 'NOT_ROOT')
  assert.match(error.message, /by \/usr\/bin\/newgidmap: newgidmap: gid range .* not allowed/)
  assert.match(error.hint ?? '', /\/etc\/subgid: sudo usermod --add-subgids/)
})

test('a bound device that is another one on the host', () => {
  const bind: Operation = {
    op: 'bind_device',
    source: '/dev/x',
    path: '/dev/x',
    type: 0o060000,
    major: 8,
    minor: 1,
    pointer: '/linux/devices/0',
  }
  const error = operationError(bind, errnos.ENODEV, '/dev/x')
  assert.match(error.message, /^bind device \/dev\/x at \/dev\/x if it is b 8:1: /)
  assert.match(error.hint ?? '', /of the host is another device/)
})

test('a user that cannot be: the hint says what its ids and groups take', () => {
  const groups = new Uint8Array(Uint32Array.of(7).buffer)
  const setUser = { op: 'set_user', uid: 1, gid: 2, groups, umask: 0o22, pointer: '/process/user' } as const
  assert.match(operationError(setUser, errnos.EPERM, '').hint!, /newgidmap/)
  assert.match(operationError(setUser, errnos.EINVAL, '').hint!, /uidMappings and gidMappings/)
  assert.equal(operationError({ ...setUser, groups: new Uint8Array() }, errnos.ENOMEM, '').hint, undefined)
})

test('a namespace that may not be joined: the hint says whose it must be', () => {
  const join = { op: 'join_namespace', kind: 'network', path: '/n', pointer: '/linux/namespaces/1/path' } as const
  for (const errno of [errnos.EACCES, errnos.EPERM])
    assert.match(operationError(join, errno, '').hint!, /new user namespace.*path of a user namespace that owns it/)
  assert.equal(operationError(join, errnos.ENOENT, '').hint, undefined)
})
