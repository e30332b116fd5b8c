/** Completion: what there is to choose from, and that a shell gets it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { makeBusyboxRoot, openWorkplace, utsuwaPath, type Workplace } from '../../support/command-line.ts'

async function candidates(workplace: Workplace, ...words: string[]): Promise<string[]> {
  const { stdout } = await workplace.utsuwa('__complete', '--', ...words)
  return stdout.split('\n').flatMap(line => line.split('\t')[0] || [])
}

test('commands, flags and their values are offered', async () => {
  using workplace = openWorkplace()
  const commands = await candidates(workplace, '')
  assert.ok(['run', 'exec', 'pull', 'volume'].every(name => commands.includes(name)))
  assert.ok(!commands.some(name => name.startsWith('__') || name === 'container-ended'))
  assert.deepEqual(await candidates(workplace, 'unp'), ['unpause'])
  assert.deepEqual(await candidates(workplace, 'run', '--cap-'), ['--cap-add', '--cap-drop'])
  assert.deepEqual(await candidates(workplace, 'run', '--pull', ''), ['missing', 'always', 'never'])
  assert.deepEqual(await candidates(workplace, 'run', '--pull=a'), ['--pull=always'])
  assert.deepEqual(await candidates(workplace, 'volume', 'in'), ['inspect'])
  assert.deepEqual(await candidates(workplace, 'completion', 'z'), ['zsh'])
  // What is behind the image is for the container.
  assert.deepEqual(await candidates(workplace, 'run', 'alpine', '--'), [':files'])
})

test('containers are offered by name', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  for (const name of ['web', 'worker']) await workplace.utsuwa('run', '--name', name, '--rootfs', rootfs, 'true')
  assert.deepEqual((await candidates(workplace, 'rm', '-f', '')).sort(), ['web', 'worker'])
  assert.deepEqual(await candidates(workplace, 'rm', 'web', 'wo'), ['worker'])
  assert.deepEqual(await candidates(workplace, 'exec', '-u', 'root', 'we'), ['web'])
})

/** What a shell puts into COMPREPLY, in the directory of the command line. */
function bashReplies(line: string): string[] {
  const script = `
    set -u
    utsuwa() { ${JSON.stringify(utsuwaPath)} "$@"; }
    source /dev/stdin <<<"$(utsuwa completion bash)"
    COMP_LINE=$1 COMP_POINT=\${#1}
    _utsuwa
    printf '%s\\n' "\${COMPREPLY[@]}"`
  return execFileSync('bash', ['-c', script, 'bash', line], { encoding: 'utf8' }).split('\n').filter(Boolean)
}

test('bash has them, behind = too', () => {
  assert.deepEqual(bashReplies('utsuwa unp'), ['unpause'])
  assert.deepEqual(bashReplies('utsuwa run --cap-'), ['--cap-add', '--cap-drop'])
  assert.deepEqual(bashReplies('utsuwa run --pull=n'), ['never'])
})

/** What zsh would describe: its functions that show candidates want a line editor, so others are in their place. */
function zshReplies(line: string): string[] {
  const script = `
    utsuwa() { ${JSON.stringify(utsuwaPath)} "$@" }
    compdef() { : }
    source <(utsuwa completion zsh)
    _describe() { print -rl -- "\${(@P)2}" }
    _files() { print :files }
    words=(utsuwa "$@") CURRENT=$(( $# + 1 ))
    _utsuwa`
  const words = line.split(' ').slice(1)
  const output = execFileSync('zsh', ['-f', '-c', script, 'zsh', ...words], { encoding: 'utf8' })
  return output.split('\n').flatMap(candidate => candidate.split(/(?!^):/)[0] || [])
}

function fishReplies(line: string): string[] {
  const script = `
    function utsuwa; ${JSON.stringify(utsuwaPath)} $argv; end
    utsuwa completion fish | source
    complete -C $argv[1]`
  const output = execFileSync('fish', ['--no-config', '-c', script, line], { encoding: 'utf8' })
  return output.split('\n').flatMap(candidate => candidate.split('\t')[0] || [])
}

for (const [shell, replies] of Object.entries({ zsh: zshReplies, fish: fishReplies }))
  test(`${shell} has them too`, () => {
    assert.deepEqual(replies('utsuwa unp'), ['unpause'])
    assert.deepEqual(replies('utsuwa run --cap-'), ['--cap-add', '--cap-drop'])
    assert.deepEqual(replies('utsuwa run --pull=n'), ['--pull=never'])
  })
