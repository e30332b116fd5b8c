import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseToml } from '../../../src/util/toml.ts'

const parsed = (text: string) => JSON.parse(JSON.stringify(parseToml(text)))

describe('parseToml', () => {
  it('reads a hosts.toml as containerd documents it', () => {
    const text = `
# upstream
server = "https://registry-1.docker.io" # last

[host."https://mirror.example"]
  capabilities = ["pull", "resolve",]
  skip_verify = false
  ca = ['/etc/a.crt', "/etc/b.crt"]
  client = [
    ["/etc/c.cert", "/etc/c.key"], # one
  ]
[host."https://mirror.example".header]
  x-name = "a \\"b\\" \\u5668"
[host."http://127.0.0.1:5000"]
override_path = true
dial.timeout = 1_000
`
    assert.deepEqual(parsed(text), {
      server: 'https://registry-1.docker.io',
      host: {
        'https://mirror.example': {
          capabilities: ['pull', 'resolve'],
          skip_verify: false,
          ca: ['/etc/a.crt', '/etc/b.crt'],
          client: [['/etc/c.cert', '/etc/c.key']],
          header: { 'x-name': 'a "b" 器' },
        },
        'http://127.0.0.1:5000': { override_path: true, dial: { timeout: 1000 } },
      },
    })
    assert.deepEqual(parsed(''), {})
    assert.deepEqual(parsed('a = 1\r\n[b]\r\nc = -2'), { a: 1, b: { c: -2 } })
  })

  it('has no prototype that a file could plant into', () => {
    const table = parseToml('[__proto__]\nx = true')
    assert.equal(Object.getPrototypeOf(table), null)
    assert.equal(({} as { x?: unknown }).x, undefined)
  })

  const wrong: Record<string, RegExp> = {
    'a = 1\nb = 2.5': /line 2: 2.5: values of this kind/,
    'a = { b = 1 }': /not supported/,
    '[[a]]': /arrays of tables/,
    'a = """x"""': /several lines/,
    'a = 1\na = 2': /a is there twice/,
    '[a]\n[a]': /twice/,
    'a = 1\n[a]': /a is no table/,
    'a = "x': /expected a value|not supported/,
    'a = "\\q"': /no such escape/,
    'a = [1 2]': /expected , or \]/,
    'a 1': /expected =/,
    '= 1': /expected a key/,
    'a = 1 b = 2': /expected the end of the line/,
  }
  for (const [text, message] of Object.entries(wrong)) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => parseToml(text), { code: 'INVALID_SPEC', message }))
  }
})
