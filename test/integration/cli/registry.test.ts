/** login, push, pull and logout as they are typed, at a registry with passwords and TLS. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeAuthority } from '../../support/certificates.ts'
import { type Outcome, openWorkplace, utsuwaPath } from '../../support/command-line.ts'
import { buildImage, pushImage } from '../../support/image-builder.ts'
import { startRegistry } from '../../support/registry.ts'
import { writeTar } from '../../support/tar-writer.ts'

/** "secret", by bcrypt. */
const HTPASSWD = 'user:$2b$05$k4X/9XEOTgDCG3ng4EddyeeT77sIMfP40ET6iyuBityPJpVqGOpD2\n'

/** What is typed when a question has been asked. */
type Answers = readonly (readonly [question: string, answer: string])[]

/** Runs a program with a home of its own, and with what is on standard input at once or is typed there. */
function run(program: string, words: readonly string[], home: string, input: string | Answers = ''): Promise<Outcome> {
  const { REGISTRY_AUTH_FILE: _, DOCKER_CONFIG: __, ...rest } = process.env
  const env = { ...rest, HOME: home, XDG_RUNTIME_DIR: home }
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'], env })
  let [stdout, stderr] = ['', '']
  const answers = typeof input === 'string' ? [] : [...input]
  child.stdout.on('data', chunk => {
    stdout += chunk
    const [next] = answers
    if (next === undefined || !stdout.includes(next[0])) return
    answers.shift()
    child.stdin.write(next[1])
  })
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  if (typeof input === 'string') child.stdin.end(input)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', exitCode => resolve({ exitCode, stdout, stderr }))
  })
}

test('an image goes to a registry with password and TLS, and comes back', async () => {
  using workplace = openWorkplace()
  const { directory } = workplace
  const home = join(directory, 'home')
  const hostsDir = join(directory, 'certs.d')
  const authority = makeAuthority(directory)
  const { certificateFile: certificate, keyFile: key } = authority.issue('server', ['IP:127.0.0.1'])
  writeFileSync(join(directory, 'htpasswd'), HTPASSWD)
  await using open = await startRegistry()
  await using guarded = await startRegistry({
    auth: { htpasswd: { realm: 'test', path: join(directory, 'htpasswd') } },
    tls: { certificate, key },
  })
  mkdirSync(join(hostsDir, guarded.host), { recursive: true })
  writeFileSync(join(hostsDir, guarded.host, 'ca.crt'), authority.certificate)
  await buildImage({ dir: join(directory, 'layout'), layers: [writeTar([{ path: 'file', data: 'text' }])] })
  const source = `${open.host}/app:v1`
  await pushImage(join(directory, 'layout'), source)
  const utsuwa = (words: string[], input?: string) => run(utsuwaPath, workplace.argv(...words), home, input)
  const succeeds = async (words: string[], input?: string) => {
    const outcome = await utsuwa(words, input)
    assert.equal(outcome.exitCode, 0, outcome.stderr)
    return outcome
  }

  const { stdout: id } = await succeeds(['pull', '-q', source])
  const destination = `${guarded.host}/team/app:v2`
  const hosts = ['--hosts-dir', hostsDir]

  const refused = await utsuwa(['push', ...hosts, source, destination])
  assert.equal(refused.exitCode, 125)
  assert.match(refused.stderr, /log in to registry .*: it asks for a user name and password\nhint: utsuwa login /)

  const wrong = await utsuwa(['login', ...hosts, '-u', 'user', '--password-stdin', guarded.host], 'wrong\n')
  assert.equal(wrong.exitCode, 125)
  assert.match(wrong.stderr, /status 401/)
  const login = await succeeds(['login', ...hosts, '-u', 'user', '--password-stdin', guarded.host], 'secret\n')
  const file = join(home, '.docker/config.json')
  assert.equal(login.stdout, `Logged in to ${guarded.host}. The password is kept in ${file}, not encrypted.\n`)

  const pushed = await succeeds(['push', ...hosts, source, destination])
  assert.match(pushed.stdout, /^sha256:[0-9a-f]{64}\n$/)
  assert.match(pushed.stderr, /: uploaded\n/)
  assert.ok(pushed.stderr.endsWith(`${destination}: ${pushed.stdout}`))
  assert.equal((await succeeds(['push', '-q', '--tls-verify=false', source, destination])).stderr, '')

  const shown = await succeeds(['manifest', 'inspect', ...hosts, destination])
  const { layers } = JSON.parse(shown.stdout) as { layers: { digest: string }[] }
  const inspected = await succeeds(['inspect', source])
  const [{ Layers }] = JSON.parse(inspected.stdout) as [{ Layers: { Digest: string }[] }]
  assert.deepEqual(
    layers.map(({ digest }) => digest),
    Layers.map(({ Digest }) => Digest),
  )
  const missing = await utsuwa(['manifest', 'inspect', ...hosts, `${destination}-missing`])
  assert.match(missing.stderr, /the registry has no such image/)

  await succeeds(['rmi', source])
  assert.equal((await succeeds(['pull', '-q', '--insecure', destination])).stdout, id)

  assert.equal(
    (await succeeds(['logout', guarded.host])).stdout,
    `Removed the credentials for ${guarded.host} from ${file}.\n`,
  )
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { auths: {} })
  assert.equal((await succeeds(['logout', guarded.host])).stdout, `Not logged in to ${guarded.host}.\n`)
  assert.equal((await utsuwa(['pull', ...hosts, destination])).exitCode, 125)
})

test('login asks on a terminal, and shows no password', async () => {
  using workplace = openWorkplace()
  const { directory } = workplace
  writeFileSync(join(directory, 'htpasswd'), HTPASSWD)
  await using registry = await startRegistry({
    auth: { htpasswd: { realm: 'test', path: join(directory, 'htpasswd') } },
  })
  const line = [utsuwaPath, ...workplace.argv('login', registry.host)].join(' ')
  const { exitCode, stdout } = await run('script', ['-qec', line, '/dev/null'], directory, [
    ['user name: ', 'user\r'],
    ['password: ', 'secret\r'],
  ])
  assert.equal(exitCode, 0, stdout)
  assert.match(stdout, /Logged in to /)
  assert.ok(!stdout.includes('secret'), stdout)
  assert.ok(existsSync(join(directory, '.docker/config.json')))
})

test('login that cannot ask says so, and flags are checked', async () => {
  using workplace = openWorkplace()
  const utsuwa = (...words: string[]) => run(utsuwaPath, workplace.argv(...words), workplace.directory)
  assert.match((await utsuwa('login', 'x.example')).stderr, /--username is missing, and standard input is no terminal/)
  assert.match((await utsuwa('login', '-u', 'u', 'x.example')).stderr, /--password-stdin is missing/)
  assert.match((await utsuwa('login', '-u', 'u', '-p', 'p', '--password-stdin')).stderr, /exclude each other/)
  assert.match((await utsuwa('pull', '--retry', 'many', 'x')).stderr, /must be a number from 0 to 999/)
  assert.match((await utsuwa('pull', '--tls-verify=maybe', 'x')).stderr, /Allowed choices are true, false/)
  const refused = await utsuwa('pull', '--retry=0', '--retry-delay=0.1', '127.0.0.1:1/app')
  assert.match(refused.stderr, /connect to registry 127.0.0.1:1: ECONNREFUSED/)
})
