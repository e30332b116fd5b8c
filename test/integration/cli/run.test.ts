/** `utsuwa run`: streams, signals, a terminal, and what stays of a container. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeBusyboxRoot, openWorkplace, utsuwaPath, type Workplace } from '../../support/command-line.ts'

const shellQuote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

/** Runs a shell line in which `$@` is `utsuwa` with the roots of the workplace. */
async function shell(workplace: Workplace, line: string): Promise<{ status: number; output: string }> {
  const child = spawn('sh', ['-c', line, 'sh', utsuwaPath, ...workplace.argv()], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  const [status] = (await once(child, 'close')) as [number]
  return { status, output }
}

test('standard input is passed on with -i, and left alone without', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  const run = (flags: string) =>
    shell(workplace, `echo hello | { "$@" run --rm --network none ${flags} --rootfs ${rootfs} cat; cat; }`)
  assert.deepEqual(await run('-i'), { status: 0, output: 'hello\n' })
  const lines = `printf 'a\\nb\\n' | while read line; do "$@" run --rm --network none --rootfs ${rootfs} echo "$line"; done`
  assert.deepEqual(await shell(workplace, lines), { status: 0, output: 'a\nb\n' })
})

test('a pipe on standard input is left blocking, for a command that reads before there is anything', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  const line = `{ sleep 2; echo late; } | "$@" run --rm --network none -i --rootfs ${rootfs} cat`
  assert.deepEqual(await shell(workplace, line), { status: 0, output: 'late\n' })
})

test('a signal reaches the command, whose exit status comes back', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  const script = 'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done'
  const words = workplace.argv('run', '--rm', '--rootfs', rootfs, 'sh', '-c', script)
  const child = spawn(utsuwaPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [3, null])
})

test('with -it the command has a terminal of the caller’s size, on which both see each other', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  const words = [
    utsuwaPath,
    ...workplace.argv(
      'run',
      '--rm',
      '-it',
      '--rootfs',
      rootfs,
      'sh',
      '-c',
      'stty size; read line; echo "got $line"; exit 4',
    ),
  ]
  const command = `stty rows 33 cols 99; ${words.map(shellQuote).join(' ')}`
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', chunk => {
    output += chunk
    if (output.includes('33 99') && !output.includes('typed')) child.stdin.write('typed\n')
  })
  const [status] = (await once(child, 'close')) as [number]
  assert.match(output, /33 99[\s\S]*got typed/)
  assert.equal(status, 4)
})

test('-i -t without a terminal is refused; -t alone is not', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  const refused = await workplace.utsuwa('run', '--rm', '-it', '--rootfs', rootfs, 'tty')
  assert.equal(refused.exitCode, 125)
  assert.match(refused.stderr, /standard input is no terminal/)
  const { exitCode, stdout } = await workplace.utsuwa('run', '--rm', '-t', '--rootfs', rootfs, 'tty')
  assert.deepEqual([exitCode, /^\/dev\/(console|pts\/0)\r?\n$/.test(stdout)], [0, true], stdout)
})

test('variables come from the caller, files and flags', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  const file = join(workplace.directory, 'env')
  writeFileSync(file, '# comment\nA=file\nB=file\n')
  const line = `C=caller "$@" run --rm --network none --env-file ${file} -e B=flag -e C --rootfs ${rootfs} sh -c 'echo $A $B $C'`
  assert.deepEqual(await shell(workplace, line), { status: 0, output: 'file flag caller\n' })
})

test('a container stays until it is removed, unless --rm says otherwise', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  await workplace.utsuwa('run', '--rm', '--name', 'gone', '--rootfs', rootfs, 'true')
  const run = await workplace.utsuwa('run', '--name', 'kept', '--rootfs', rootfs, 'sh', '-c', 'exit 7')
  assert.equal(run.exitCode, 7)
  assert.equal((await workplace.utsuwa('ps', '-q')).stdout, '')
  assert.match((await workplace.utsuwa('ps', '-a')).stdout, /"sh -c exit 7" .*Exited \(7\) .* ago +kept\n$/)
  const list = JSON.parse((await workplace.utsuwa('ps', '-a', '--json')).stdout) as { name: string; exitCode: number }[]
  assert.deepEqual(
    list.map(({ name, exitCode }) => [name, exitCode]),
    [['kept', 7]],
  )
  assert.equal((await workplace.utsuwa('rm', 'kept')).stdout, 'kept\n')
  assert.equal((await workplace.utsuwa('ps', '-aq')).stdout, '')
})

test('one whose command cannot be executed stays as well, and says why; once it can be it starts', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  const write = (interpreter: string): void =>
    writeFileSync(join(rootfs, 'bin/job'), `#!${interpreter}\necho works\n`, { mode: 0o755 })
  write('/bin/missing')
  const run = async (command: string, ...flags: string[]): Promise<number | null> =>
    (await workplace.utsuwa('run', ...flags, '--rootfs', rootfs, command)).exitCode
  const restart = ['-d', '--restart', 'always', '--name']
  assert.equal(await run('missing', '--name', 'missing'), 127)
  assert.equal(await run('job', '--name', 'script'), 127)
  assert.equal(await run('/etc', ...restart, 'directory'), 126)
  assert.equal(await run('job', ...restart, 'again'), 127)
  for (const flags of [[], ['-d']])
    for (const command of ['missing', 'job']) assert.equal(await run(command, '--rm', ...flags), 127)
  const list = JSON.parse((await workplace.utsuwa('ps', '-a', '--json')).stdout)
  assert.deepEqual(
    list.map(({ name, status, exitCode }: Record<string, unknown>) => [name, status, exitCode]),
    [
      ['again', 'stopped', 127],
      ['directory', 'stopped', 126],
      ['script', 'stopped', 127],
      ['missing', 'stopped', 127],
    ],
  )
  const why = async (name: string): Promise<string> =>
    JSON.parse((await workplace.utsuwa('why', '--json', name)).stdout).code
  assert.deepEqual(await Promise.all(['missing', 'script', 'directory', 'again'].map(why)), [
    'command-not-found',
    'missing-interpreter',
    'not-executable',
    'missing-interpreter',
  ])
  write('/bin/sh')
  assert.deepEqual(await workplace.utsuwa('start', '-a', 'script'), { exitCode: 0, stdout: 'works\n', stderr: '' })
  assert.equal((await workplace.utsuwa('rm', '-a')).exitCode, 0)
  assert.deepEqual(readdirSync(join(workplace.runRoot, 'containers')), [])
})

test('--timeline prints each phase behind what the command prints, --trace writes them for programs', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  const trace = join(workplace.directory, 'trace.json')
  const run = await workplace.utsuwa('run', '--rm', '--timeline', '--trace', trace, '--rootfs', rootfs, 'echo', 'hi')
  assert.equal(run.stdout, 'hi\n')
  const lines = run.stderr.trimEnd().split('\n')
  const phases = 'program prepare create plan cgroup clone init record start run remove'.split(' ')
  assert.deepEqual(
    lines.slice(1).map(line => /^ *\d+ +\d+ +(\w+)$/.exec(line)?.[1]),
    phases,
    run.stderr,
  )
  const { traceEvents } = JSON.parse(readFileSync(trace, 'utf8')) as { traceEvents: { name: string; ph: string }[] }
  assert.deepEqual(
    traceEvents.map(({ name, ph }) => `${ph} ${name}`),
    phases.map(name => `X ${name}`),
  )
})
