import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Command } from 'commander'
import { addContainerFlags, type ContainerFlags, containerOptions } from '../../../../src/cli/flags/container-flags.ts'
import type { ContainerOptions } from '../../../../src/index.ts'

/** Without the network, which is always asked for. */
function parse(...words: string[]): ContainerOptions {
  const { network: _, ...options } = parseAll(...words)
  return options
}

function parseAll(...words: string[]): ContainerOptions {
  const command = addContainerFlags(new Command())
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
  command
    .argument('[ARGS...]')
    .passThroughOptions()
    .action(() => undefined)
  command.parse(words, { from: 'user' })
  return containerOptions(command.opts<ContainerFlags>(), command.args)
}

test('nothing given is nothing asked for', () => {
  assert.deepEqual(parse(), {})
})

test('containers are connected to a network, and where they are not, have files of names nevertheless', () => {
  assert.deepEqual(parseAll(), { network: 'bridge' })
  assert.deepEqual(parseAll('--network', 'none'), { network: 'none', extraHosts: [] })
  const words = ['-p', '80', '--publish=81', '--ip=10.0.0.2', '--dns=192.0.2.1', '--add-host', 'a:192.0.2.2']
  assert.deepEqual(parseAll('--network=net', '--network-alias=b', '--mac-address=02:00:00:00:00:01', ...words), {
    network: 'net',
    networkAliases: ['b'],
    macAddress: '02:00:00:00:00:01',
    ports: ['80', '81'],
    ip: '10.0.0.2',
    dns: ['192.0.2.1'],
    extraHosts: ['a:192.0.2.2'],
  })
})

test('flags become the library’s options', () => {
  const words = [
    '-m',
    '64m',
    '--cpus=0.5',
    '--pids-limit',
    '32',
    '-h',
    'vessel',
    '-w',
    '/srv',
    '-u',
    '1:2',
    '--read-only',
    '-t',
  ]
  assert.deepEqual(parse(...words), {
    memory: '64m',
    cpus: 0.5,
    pids: 32,
    hostname: 'vessel',
    cwd: '/srv',
    user: '1:2',
    readonlyRootfs: true,
    terminal: true,
  })
})

test('flags that may be repeated are collected', () => {
  const words = [
    '-v',
    '/a:/b',
    '-v',
    '/c:/d:ro',
    '--cap-drop',
    'ALL',
    '--cap-add=CHOWN',
    '--tmpfs',
    '/t',
    '--ulimit',
    'core=0',
  ]
  assert.deepEqual(parse(...words), {
    volumes: ['/a:/b', '/c:/d:ro'],
    capDrop: ['ALL'],
    capAdd: ['CHOWN'],
    tmpfs: ['/t'],
    ulimits: ['core=0'],
  })
})

test('pairs become records', () => {
  const words = ['--cgroup-conf', 'memory.high=48M', '--sysctl', 'net.x=1=2', '-l', 'a=', '-l', 'b=c']
  assert.deepEqual(parse(...words), {
    unified: { 'memory.high': '48M' },
    sysctls: { 'net.x': '1=2' },
    labels: { a: '', b: 'c' },
  })
  assert.throws(() => parse('--sysctl', 'x'), /NAME=VALUE/)
})

test('what follows the first word is the command’s own', () => {
  assert.deepEqual(parse('--name', 'n', 'sh', '-c', 'id', '--name'), { name: 'n', args: ['sh', '-c', 'id', '--name'] })
})

test('variables of files come before those of the command line', t => {
  const directory = mkdtempSync(join(tmpdir(), 'utsuwa-env-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'env')
  writeFileSync(path, 'A=file\n')
  assert.deepEqual(parse('-e', 'A=flag', '--env-file', path), { env: ['A=file', 'A=flag'] })
})

test('numbers are numbers', () => {
  for (const wrong of ['', 'x', '1x']) assert.throws(() => parse('--cpus', wrong), /must be a number/, wrong)
})

test('unknown flags fail', () => {
  assert.throws(() => parse('--frobnicate'), { code: 'commander.unknownOption' })
})
