import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { findCredentials } from '../../../src/registry/credentials.ts'

let home: string
const path = process.env.PATH
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'utsuwa-home-'))
  mkdirSync(join(home, '.docker'))
  process.env.PATH = `${home}:/usr/bin:/bin`
})
afterEach(() => {
  process.env.PATH = path
  rmSync(home, { recursive: true })
})

const auth = (text: string) => Buffer.from(text).toString('base64')
const find = (registry: string, config: unknown, env: NodeJS.ProcessEnv = {}) => {
  writeFileSync(join(home, '.docker/config.json'), typeof config === 'string' ? config : JSON.stringify(config))
  return findCredentials(registry, { env: { HOME: home, XDG_RUNTIME_DIR: home, ...env } })
}
const helper = (name: string, script: string) => {
  const file = join(home, `docker-credential-${name}`)
  writeFileSync(file, `#!/bin/sh\nread -r key\n${script}\n`)
  chmodSync(file, 0o755)
}

describe('findCredentials', () => {
  it('is anonymous without a file or an entry', async () => {
    assert.equal(
      await findCredentials('x.io', { env: { HOME: '/nonexistent', XDG_RUNTIME_DIR: '/nonexistent' } }),
      undefined,
    )
    assert.equal(await find('x.io', { auths: { 'y.io': { auth: auth('u:p') } } }), undefined)
    assert.equal(await find('x.io', {}), undefined)
  })

  it('reads user name and password; a password may hold colons', async () => {
    assert.deepEqual(await find('x.io:5000', { auths: { 'x.io:5000': { auth: auth('u:p:w') } } }), {
      kind: 'password',
      username: 'u',
      password: 'p:w',
    })
  })

  it('knows the old keys', async () => {
    const auths = {
      'https://index.docker.io/v1/': { auth: auth('hub:p') },
      'https://old.io/v1/': { auth: auth('old:p') },
    }
    assert.equal((await find('docker.io', { auths }))?.kind, 'password')
    assert.deepEqual(await find('old.io', { auths }), { kind: 'password', username: 'old', password: 'p' })
  })

  it('reads identity tokens', async () => {
    assert.deepEqual(await find('x.io', { auths: { 'x.io': { auth: auth('<token>:'), identitytoken: 't' } } }), {
      kind: 'identityToken',
      token: 't',
    })
  })

  it('asks the helper of the registry before the common one', async () => {
    helper('one', `echo '{"Username":"one","Secret":"'$key'"}'`)
    helper('all', 'exit 1')
    const config = { credHelpers: { 'x.io': 'one' }, credsStore: 'all', auths: { 'x.io': { auth: auth('u:p') } } }
    assert.deepEqual(await find('x.io', config), { kind: 'password', username: 'one', password: 'x.io' })
  })

  it('is anonymous when the helper knows nothing', async () => {
    helper('none', 'echo "credentials not found in native keychain"; exit 1')
    assert.equal(await find('x.io', { credsStore: 'none' }), undefined)
  })

  it('says what is wrong with a helper or a file', async () => {
    await assert.rejects(find('x.io', { credsStore: 'missing' }), {
      message: /docker-credential-missing: .*not installed/,
    })
    await assert.rejects(find('x.io', { credsStore: '../evil' }), { code: 'REGISTRY_UNAUTHORIZED' })
    helper('broken', 'echo "keychain is locked"; exit 1')
    await assert.rejects(find('x.io', { credsStore: 'broken' }), { message: /keychain is locked/ })
    await assert.rejects(find('x.io', '{"auths":'), { message: /read credentials from/ })
  })

  it('prefers the file that the environment names', async () => {
    const file = join(home, 'other.json')
    writeFileSync(file, JSON.stringify({ auths: { 'x.io': { auth: auth('other:p') } } }))
    const found = await find('x.io', { auths: { 'x.io': { auth: auth('u:p') } } }, { REGISTRY_AUTH_FILE: file })
    assert.deepEqual(found, { kind: 'password', username: 'other', password: 'p' })
  })

  it('prefers what is for the repository, or for what it lies in', async () => {
    const entry = (name: string) => ({ auth: auth(`${name}:p`) })
    const auths = { 'x.io': entry('all'), 'x.io/team': entry('team'), 'x.io/team/app': entry('app') }
    writeFileSync(join(home, '.docker/config.json'), JSON.stringify({ auths }))
    const who = async (repository: string) => {
      const env = { HOME: home, XDG_RUNTIME_DIR: home }
      const found = await findCredentials('x.io', { repository, env })
      return found?.kind === 'password' ? found.username : undefined
    }
    assert.deepEqual(await Promise.all(['team/app', 'team/other', 'team/app/part', 'tea'].map(who)), [
      'app',
      'team',
      'app',
      'all',
    ])
  })

  it("finds podman's files, and Docker Hub's helper by both names", async () => {
    mkdirSync(join(home, 'containers'))
    writeFileSync(join(home, 'containers/auth.json'), JSON.stringify({ auths: { 'x.io': { auth: auth('podman:p') } } }))
    const podman = { kind: 'password', username: 'podman', password: 'p' }
    assert.deepEqual(await find('x.io', {}), podman)
    mkdirSync(join(home, '.config/containers'), { recursive: true })
    rmSync(join(home, 'containers'), { recursive: true })
    writeFileSync(
      join(home, '.config/containers/auth.json'),
      JSON.stringify({ auths: { 'x.io': { auth: auth('podman:p') } } }),
    )
    assert.deepEqual(await find('x.io', {}), podman)
    helper('hub', `echo '{"Username":"hub","Secret":"'$key'"}'`)
    for (const key of ['docker.io', 'https://index.docker.io/v1/']) {
      assert.deepEqual(await find('docker.io', { credHelpers: { [key]: 'hub' } }), {
        kind: 'password',
        username: 'hub',
        password: 'https://index.docker.io/v1/',
      })
    }
  })
})
