/**
 * config.json as text: keys that every JavaScript object has (`__proto__`, `constructor`, `toString`), which must be keys
 * like any other, and numbers that a JavaScript number does not hold, which must arrive bit by bit.
 *
 * Seen to fail with `record` (src/spec/readers.ts) assigning members one by one: the annotation `__proto__` was lost;
 * with parseJson (src/spec/json.ts) taking numbers as JSON.parse does: 18446744073709551614 became
 * 18446744073709552000; with the home directory looked up by a user's rules (src/engine/files/home.ts): the greatest id
 * was refused; and with the bounds of device numbers (src/spec/runtime-parse-linux.ts) and the comparison of
 * native/init_device.c taken out: 4097:3 was made.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { parseJson, stringifyJson } from '../../src/spec/json.ts'
import { parseRuntimeSpec, type RuntimeSpec } from '../../src/spec/runtime.ts'
import { Playground } from '../integration/oci/runtime.ts'
import { makeSandbox } from '../support/busybox-root.ts'
import { assertRefused, type Edit, printed, runSpec, specOf } from './support.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())

const INHERITED = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '__defineGetter__']
/** Objects with own members of these names, as JSON.parse makes them. */
const hostileObject = <T>(value: T): Record<string, T> =>
  Object.fromEntries(INHERITED.map(name => [name, value])) as Record<string, T>

/** What a document of this text becomes. */
const parsed = (text: string): RuntimeSpec => parseRuntimeSpec(parseJson(text, 'config.json'))

describe('names that objects inherit', () => {
  it('as annotations are kept as they are, from config.json to the state', async t => {
    const ground = new Playground(t)
    ground.configure(['true'])
    const path = join(ground.bundle, 'config.json')
    const text = `,"annotations":{${INHERITED.map(name => `"${name}":"mine"`).join()}}}`
    writeFileSync(path, readFileSync(path, 'utf8').replace(/\}$/, text))
    const id = await ground.create()
    const { annotations } = await ground.state(id)
    assert.deepEqual(
      Object.entries(annotations!),
      INHERITED.map(name => [name, 'mine']),
    )
  })

  it('as members of objects that have no such member change nothing', () => {
    const evil = '{"args":["evil"],"cwd":"/evil","terminal":true,"noNewPrivileges":false,"user":{"uid":0,"gid":0}}'
    const { process } = parsed(
      `{"ociVersion":"1.2.0","process":{"__proto__":${evil},"constructor":${evil},"args":["good"],"cwd":"/","user":{"uid":1,"gid":1}}}`,
    )
    assert.deepEqual(process, { args: ['good'], cwd: '/', user: { uid: 1, gid: 1 } })
    assert.throws(
      () => parsed(`{"ociVersion":"1.2.0","process":{"__proto__":${evil},"user":{"uid":1,"gid":1}}}`),
      /args must be .* found nothing/,
    )
    assert.equal(({} as Record<string, unknown>).args, undefined)
  })

  const refusals: Record<string, [RegExp, Edit]> = {
    'as sysctls are no sysctls': [
      /set sysctl __proto__.*: ENOENT/,
      ({ linux }) => void Object.assign(linux, { sysctl: hostileObject('1') }),
    ],
    'as types of file systems are none': [
      /mount constructor .*: ENODEV/,
      ({ mounts }) => void mounts.push({ destination: '/tmp', type: 'constructor', source: 'x' }),
    ],
    'as options of mounts go to the file system, which does not know them': [
      /mount tmpfs .*(EINVAL|Unknown parameter)/,
      ({ mounts }) => void mounts.push({ destination: '/tmp', type: 'tmpfs', source: 'x', options: ['constructor'] }),
    ],
    'as names of system calls are none, and do not break the filter': [
      /constructor/,
      spec => {
        spec.linux.seccomp = {
          defaultAction: 'SCMP_ACT_ALLOW',
          architectures: ['constructor'],
          syscalls: [{ names: INHERITED, action: 'SCMP_ACT_ERRNO' }],
        } as NonNullable<typeof spec.linux.seccomp>
      },
    ],
  }
  for (const [what, [reason, edit]] of Object.entries(refusals))
    it(what, async () => {
      await assertRefused(sandbox, reason, edit)
    })

  it('as capabilities and system calls are ignored like others that nobody knows', async () => {
    const output = await printed(sandbox, 'grep CapEff /proc/self/status', spec => {
      spec.process.capabilities = { bounding: INHERITED, effective: INHERITED, permitted: INHERITED }
      spec.linux.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: INHERITED, action: 'SCMP_ACT_ERRNO' }],
      }
    })
    assert.equal(output, 'CapEff:\t0000000000000000\n')
  })

  it('as commands, flags, signals are not known', async t => {
    const ground = new Playground(t)
    ground.configure(['true'])
    const id = await ground.create()
    for (const name of ['constructor', '__proto__']) {
      assert.notEqual((await ground.call([name, id])).status, 0, name)
      assert.notEqual((await ground.call(['state', `--${name}`, id])).status, 0, name)
      assert.match((await ground.call(['kill', id, name])).stderr, /unknown signal/)
    }
    assert.equal((await ground.state(id)).status, 'created')
  })
})

/** A number as it stands in config.json, that the spec's type does not have. */
const asText = (spec: RuntimeSpec, replacements: Readonly<Record<string, string>>): RuntimeSpec => {
  let text = stringifyJson(spec)
  for (const [placeholder, literal] of Object.entries(replacements)) text = text.replaceAll(`"${placeholder}"`, literal)
  return parsed(text)
}

describe('numbers', () => {
  const BIG = '9007199254740993' // 2^53 + 1, which a number rounds to 2^53

  it('beyond 2^53 reach the kernel exactly', async () => {
    const spec = asText(
      specOf(sandbox, 'grep -E "core file|Max file size" /proc/self/limits | tr -s " "', ({ process }) => {
        process.rlimits = [
          { type: 'RLIMIT_CORE', soft: 'BIG' as never, hard: 'BIG' as never },
          { type: 'RLIMIT_FSIZE', soft: 'MAX' as never, hard: 'MAX' as never },
        ]
      }),
      { BIG, MAX: '18446744073709551614' },
    )
    const { stdout } = await runSpec(sandbox, '', target => void Object.assign(target, spec))
    assert.equal(
      stdout,
      `Max file size 18446744073709551614 18446744073709551614 bytes \nMax core file size ${BIG} ${BIG} bytes \n`,
    )
  })

  it('beyond 2^53 are told apart by a filter', async () => {
    const script = 'for n in 9007199254740992 9007199254740993; do truncate -s $n /tmp/file 2>&1; done; true'
    const spec = asText(
      specOf(sandbox, script, ({ linux }) => {
        linux.seccomp = {
          defaultAction: 'SCMP_ACT_ALLOW',
          syscalls: [
            {
              names: ['ftruncate'],
              action: 'SCMP_ACT_ERRNO',
              errnoRet: 13,
              args: [{ index: 1, value: 'BIG' as never, op: 'SCMP_CMP_EQ' }],
            },
          ],
        }
      }),
      { BIG },
    )
    const { stdout } = await runSpec(sandbox, '', target => void Object.assign(target, spec))
    assert.match(stdout, /^[^\n]*File too large\n[^\n]*Permission denied\n$/)
  })

  it('of memory are the digits that the cgroup file gets', () => {
    const { linux } = asText(
      specOf(sandbox, '', ({ linux: edited }) => {
        edited.resources = {
          memory: { limit: 'BIG' as never },
          hugepageLimits: [{ pageSize: '2MB', limit: 'MAX' as never }],
        }
      }),
      { BIG, MAX: '18446744073709551615' },
    )
    assert.equal(linux!.resources!.memory!.limit, 9007199254740993n)
    assert.equal(linux!.resources!.hugepageLimits![0]!.limit, 18446744073709551615n)
  })

  it('that are no integers of their width are refused', () => {
    const texts = {
      limit: ['9223372036854775808', '-9223372036854775809', '1.5', '1e400', '9007199254740993.0', '"1"'],
    }
    for (const literal of texts.limit)
      assert.throws(
        () =>
          asText(
            specOf(sandbox, '', ({ linux }) => void Object.assign(linux, { resources: { memory: { limit: 'X' } } })),
            { X: literal },
          ),
        /limit must be a 64-bit integer/,
        literal,
      )
  })

  it('of users: the greatest id is one, and what is beyond is nobody', async () => {
    const ids = async (uid: number) =>
      printed(sandbox, 'id -u; id -g', ({ process }) => void Object.assign(process, { user: { uid, gid: uid } }))
    assert.equal(await ids(4294967294), '4294967294\n4294967294\n')
    for (const uid of ['4294967295', '4294967296', '-1', '1.5'])
      assert.throws(
        () =>
          asText(
            specOf(sandbox, '', ({ process }) => void Object.assign(process, { user: { uid: 'X', gid: 0 } })),
            { X: uid },
          ),
        /uid must be an integer from 0 to 4294967294/,
        uid,
      )
  })

  it('of devices: what a device number cannot hold is refused, and does not become another device', async () => {
    const device =
      (major: number, minor: number): Edit =>
      ({ linux }) => {
        linux.devices = [{ path: '/dev/mine', type: 'c', major, minor }]
      }
    assert.equal(await printed(sandbox, 'stat -c %t:%T /dev/mine', device(4095, 1048575)), 'fff:fffff\n')
    // 4097:3 and 1:1048579 would be cut off to 1:3.
    for (const [major, minor] of [
      [4097, 3],
      [1, 1048579],
      [4294967295, 4294967295],
    ] as const) {
      await assertRefused(sandbox, /make device \/dev\/mine .*: EEXIST/, device(major, minor))
      assert.throws(
        () => parsed(stringifyJson(specOf(sandbox, '', device(major, minor)))),
        /must be an integer from 0 to (4095|1048575), found \d+ \[\/linux\/devices\/0\/m(aj|in)or\]/,
      )
    }
  })
})
