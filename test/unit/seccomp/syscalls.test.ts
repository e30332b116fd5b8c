import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { nativeSeccompArch, type SeccompArch, syscallNumbers } from '../../../src/seccomp/syscalls.ts'

test('knows calls by the numbers that the kernel sees', () => {
  const numbers = (arch: SeccompArch, ...names: string[]) => names.map(name => syscallNumbers(arch).get(name))
  assert.deepEqual(numbers('x86_64', 'read', 'openat2', 'fork'), [0, 437, 57])
  assert.deepEqual(numbers('x86', 'read', 'socketcall', 'clone3'), [3, 102, 435])
  assert.deepEqual(numbers('x32', 'read', 'execve'), [0x40000000, 0x40000000 + 520])
  assert.deepEqual(numbers('aarch64', 'read', 'fork', 'newfstatat'), [63, undefined, 79])
  assert.deepEqual(numbers('arm', 'read', 'cacheflush', 'sync_file_range2'), [3, 0x0f0002, 341])
})

/** Headers of the host's linux-libc-dev that list numbers literally; those of arm64 do so since Linux 6.11. */
const HOST_HEADERS: Record<string, [arch: SeccompArch, path: string][]> = {
  x64: [
    ['x86_64', '/usr/include/x86_64-linux-gnu/asm/unistd_64.h'],
    ['x86', '/usr/include/x86_64-linux-gnu/asm/unistd_32.h'],
    ['x32', '/usr/include/x86_64-linux-gnu/asm/unistd_x32.h'],
  ],
  arm64: [['aarch64', '/usr/include/asm-generic/unistd.h']],
}

test('agrees with the headers of this host', t => {
  const headers = (HOST_HEADERS[process.arch] ?? []).filter(([, path]) => existsSync(path))
  assert.notEqual(headers.length, 0, `no kernel headers for ${process.arch}: install linux-libc-dev`)
  for (const [arch, path] of headers) {
    const table = syscallNumbers(arch)
    const offset = arch === 'x32' ? 0x40000000 : 0
    const definitions = [
      ...readFileSync(path, 'utf8').matchAll(/^#define __NR_(\w+) \(?(?:__X32_SYSCALL_BIT \+ )?(\d+)\)?$/gm),
    ]
    const differing = definitions
      .map(([, name, number]) => [name!, Number(number) + offset] as const)
      .filter(([name, number]) => name !== 'syscalls' && table.get(name) !== number)
    assert.deepEqual(differing, [], path)
    assert.ok(definitions.length > 100, `${path} defines only ${definitions.length}`)
    t.diagnostic(`${path}: ${definitions.length} calls`)
  }
})

test('says which table is for this Node', () => {
  assert.equal(nativeSeccompArch('x64'), 'x86_64')
  assert.equal(nativeSeccompArch('arm64'), 'aarch64')
  assert.equal(nativeSeccompArch('riscv64'), undefined)
})
