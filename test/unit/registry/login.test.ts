import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { findCredentials } from '../../../src/registry/credentials.ts'
import { login, logout } from '../../../src/registry/login.ts'
import { type Handler, startScripted } from '../../support/misbehaving-registry.ts'

let home: string
const saved = { PATH: process.env.PATH, HOME: process.env.HOME, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR }
const overridden = ['REGISTRY_AUTH_FILE', 'DOCKER_CONFIG', 'XDG_CONFIG_HOME'] as const
const others = Object.fromEntries(overridden.map(name => [name, process.env[name]]))
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'utsuwa-login-'))
  for (const name of overridden) delete process.env[name]
  Object.assign(process.env, { HOME: home, PATH: `${home}:/usr/bin:/bin`, XDG_RUNTIME_DIR: join(home, 'run') })
})
afterEach(() => {
  for (const [name, value] of Object.entries({ ...saved, ...others })) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
  rmSync(home, { recursive: true })
})

const secret = { kind: 'password', username: 'user', password: 'pass:word' } as const
const basic = `Basic ${Buffer.from('user:pass:word').toString('base64')}`
const guarded: Handler = (request, response) => {
  if (request.headers.authorization === basic) response.end('{}')
  else response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
}
const configFile = () => join(home, '.docker/config.json')
const config = () => JSON.parse(readFileSync(configFile(), 'utf8'))

describe('login', () => {
  it('keeps credentials that the registry knows, where others find them, for their owner alone', async () => {
    await using registry = await startScripted(guarded)
    assert.equal((await login(registry.host, secret)).storedIn, configFile())
    assert.deepEqual(config(), { auths: { [registry.host]: { auth: basic.slice('Basic '.length) } } })
    assert.equal(statSync(configFile()).mode & 0o777, 0o600)
    assert.deepEqual(await findCredentials(registry.host), secret)
    assert.equal(registry.requests[0]!.url, '/v2/')
  })

  it('keeps none that the registry does not know', async () => {
    await using registry = await startScripted(guarded)
    await assert.rejects(login(registry.host, { ...secret, password: 'wrong' }), { code: 'REGISTRY_UNAUTHORIZED' })
    assert.ok(!existsSync(configFile()))
  })

  it('asks the token service, of which it wants no scope', async () => {
    await using registry = await startScripted((request, response) => {
      const { authorization } = request.headers
      if (request.url!.startsWith('/token')) {
        if (authorization === basic) response.end('{"token":"t"}')
        else response.writeHead(401).end()
      } else if (authorization === 'Bearer t') response.end('{}')
      else response.writeHead(401, { 'www-authenticate': `Bearer realm="${registry.url}/token",service="s"` }).end()
    })
    await login(registry.host, secret)
    assert.equal(registry.requests[1]!.url, '/token?service=s')
    await assert.rejects(login(registry.host, { ...secret, password: 'no' }), { code: 'REGISTRY_UNAUTHORIZED' })
  })

  it('leaves the rest of the file, and a link to it, as they are', async () => {
    await using registry = await startScripted(guarded)
    mkdirSync(join(home, '.docker'))
    mkdirSync(join(home, 'dotfiles'))
    const before = {
      auths: { 'other.io': { auth: 'eDp5' }, [`https://${registry.host}/v1/`]: { auth: 'old' } },
      HttpHeaders: { a: 'b' },
    }
    writeFileSync(join(home, 'dotfiles/docker.json'), JSON.stringify(before))
    symlinkSync('../dotfiles/docker.json', configFile())
    await login(registry.host, secret)
    assert.ok(lstatSync(configFile()).isSymbolicLink())
    assert.deepEqual(config(), {
      auths: { 'other.io': { auth: 'eDp5' }, [registry.host]: { auth: basic.slice('Basic '.length) } },
      HttpHeaders: { a: 'b' },
    })
  })

  it('gives them to the helper that the file names, and takes them back from it', async () => {
    const keychain = join(home, 'keychain')
    const helper = join(home, 'docker-credential-file')
    writeFileSync(
      helper,
      `#!/bin/sh
case $1 in
store) cat >${keychain} ;;
get) [ -e ${keychain} ] && sed 's/"ServerURL":[^,]*,//' ${keychain} || { echo "credentials not found in native keychain"; exit 1; } ;;
erase) rm ${keychain} ;;
esac
`,
    )
    chmodSync(helper, 0o755)
    await using registry = await startScripted(guarded)
    mkdirSync(join(home, '.docker'))
    writeFileSync(configFile(), JSON.stringify({ credsStore: 'file' }))
    assert.equal((await login(registry.host, secret)).storedIn, 'docker-credential-file')
    assert.deepEqual(JSON.parse(readFileSync(keychain, 'utf8')), {
      ServerURL: registry.host,
      Username: 'user',
      Secret: 'pass:word',
    })
    assert.deepEqual(config(), { credsStore: 'file' })
    assert.deepEqual(await findCredentials(registry.host), secret)
    assert.deepEqual(await logout(registry.host), ['docker-credential-file'])
    assert.ok(!existsSync(keychain))
    assert.deepEqual(await logout(registry.host), [])
  })

  it('writes where it is told, or where the environment says', async () => {
    await using registry = await startScripted(guarded)
    const file = join(home, 'deep/auth.json')
    await login(registry.host, secret, { authFile: file })
    assert.ok(existsSync(file))
    assert.equal(await findCredentials(registry.host), undefined)
    assert.deepEqual(await findCredentials(registry.host, { authFile: file }), secret)
    process.env.REGISTRY_AUTH_FILE = join(home, 'podman.json')
    assert.equal((await login(registry.host, secret)).storedIn, join(home, 'podman.json'))
    delete process.env.REGISTRY_AUTH_FILE
    process.env.DOCKER_CONFIG = join(home, 'docker')
    assert.equal((await login(registry.host, secret)).storedIn, join(home, 'docker/config.json'))
  })
})

describe('logout', () => {
  it('removes them from every file that has them, and nothing else', async () => {
    mkdirSync(join(home, '.docker'))
    mkdirSync(join(home, 'run/containers'), { recursive: true })
    const entry = { auth: 'dTpw' }
    writeFileSync(configFile(), JSON.stringify({ auths: { 'https://index.docker.io/v1/': entry, 'x.io': entry } }))
    const podman = join(home, 'run/containers/auth.json')
    writeFileSync(podman, JSON.stringify({ auths: { 'docker.io': entry, 'docker.io/team': entry } }))
    assert.deepEqual(await logout('docker.io'), [configFile(), podman])
    assert.deepEqual(config(), { auths: { 'x.io': entry } })
    assert.deepEqual(JSON.parse(readFileSync(podman, 'utf8')), { auths: { 'docker.io/team': entry } })
    assert.deepEqual(await logout('docker.io'), [])
  })
})
