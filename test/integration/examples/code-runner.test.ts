/** examples/code-runner: snippets that mean harm, over HTTP. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { compilerRoot } from '../../support/debian-root.ts'
import { until } from '../../support/until.ts'
import { ExampleSite } from './support.ts'

const site = new ExampleSite()
const lines: string[] = []
let service: ReturnType<ExampleSite['start']>
let url: string

before(async () => {
  await site.importImage(await compilerRoot(), 'snippets')
  const flags = ['--image', 'snippets', '--port', '0', '--timeout', '30000', '--cpu-timeout', '6000']
  service = site.start('code-runner/main.ts', [...flags, '--parallel', '4'])
  service.stderr.pipe(process.stderr)
  createInterface(service.stdout).on('line', line => lines.push(line))
  url = (await line(/^listening on /)).replace('listening on ', '')
})
after(async () => {
  if (service.exitCode === null) {
    service.kill('SIGKILL')
    await once(service, 'close')
  }
  site[Symbol.dispose]()
})

/** A line that the service has printed, or will. */
const line = (pattern: RegExp): Promise<string> =>
  until(
    `a line like ${pattern}`,
    () => {
      assert.equal(service.exitCode, null, 'the service has ended')
      return lines.find(text => pattern.test(text))
    },
    () => lines.join('\n'),
  )

/** Resolves when a snippet runs. */
const oneRuns = (): Promise<unknown> => until('a snippet that runs', async () => (await running()) > 0)

async function running(): Promise<number> {
  return ((await (await fetch(`${url}/health`)).json()) as { running: number }).running
}

// biome-ignore lint/suspicious/noExplicitAny: documents of JSON, which the assertions look at
type Answer = { status: number; body: any }

async function post(snippet: object, signal?: AbortSignal): Promise<Answer> {
  const body = JSON.stringify(snippet)
  const response = await fetch(`${url}/run`, { method: 'POST', body, ...(signal && { signal }) })
  return { status: response.status, body: await response.json() }
}

/** What a snippet that runs to some end leads to. */
async function report(language: string, source: string, stdin = '') {
  const { status, body } = await post({ language, source, stdin })
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

describe('snippets', { concurrency: 2 }, () => {
  test('that wait without end', async () => {
    const { timedOut, exitCode, signal } = await report('shell', 'exec sleep 1000')
    assert.deepEqual({ timedOut, exitCode, signal }, { timedOut: 'wall', exitCode: 137, signal: 'SIGKILL' })
  })

  test('that behave', async () => {
    const { usage, ...python } = await report('python', 'print(input()[::-1]); raise SystemExit(3)', 'stressed\n')
    const plain = { signal: null, timedOut: null, outOfMemory: false, stderr: '', truncated: false }
    assert.deepEqual(python, { ...plain, exitCode: 3, stdout: 'desserts\n' })
    assert.ok(usage.memoryPeakBytes > 0 && usage.processesPeak >= 1)
    const { stdout, stderr } = await report(
      'shell',
      'cat; echo oops >&2; id -u; touch /file || echo no',
      'to the shell ',
    )
    assert.match(stdout, /^to the shell 65534\nno\n$/)
    assert.match(stderr, /^oops\n.*Read-only file system\n$/)
  })

  test('that compute without end', async () => {
    assert.equal((await report('python', 'while True: pass')).timedOut, 'cpu')
  })

  test('that fork without end', async () => {
    const bomb = 'import os\nwhile True:\n  try: os.fork()\n  except OSError: pass'
    const { timedOut, usage } = await report('python', bomb)
    assert.equal(timedOut, 'cpu')
    assert.equal(usage.processesPeak, 32)
  })

  test('that take all memory, or fill what looks like a disk', async () => {
    const { outOfMemory, exitCode, timedOut } = await report('python', 'x = b"x" * 2**30')
    assert.deepEqual({ outOfMemory, exitCode, timedOut }, { outOfMemory: true, exitCode: 137, timedOut: null })
    const { stdout } = await report('shell', 'cat /dev/zero >/tmp/file; cat /dev/zero >/dev/shm/file; echo over')
    assert.match(stdout, /^(?:over\n)?$/)
  })

  test('that print without end', async () => {
    const { stdout, truncated, timedOut } = await report('shell', 'while :; do echo flood; done')
    assert.deepEqual(
      { truncated, timedOut, length: stdout.length },
      { truncated: true, timedOut: 'cpu', length: 65536 },
    )
  })

  test('that look for a network', async () => {
    const port = new URL(url).port
    const { stdout, stderr } = await report(
      'python',
      `import socket\nprint(socket.if_nameindex())\nsocket.create_connection(('127.0.0.1', ${port}))`,
    )
    assert.equal(stdout, "[(1, 'lo')]\n")
    assert.match(stderr, /ConnectionRefusedError/)
  })
})

test('requests that are none are refused', async () => {
  assert.equal((await post({ language: 'cobol', source: '' })).status, 400)
  assert.equal((await post({ language: 'shell', source: 7 })).status, 400)
  assert.equal((await post({ language: 'shell', source: 'x'.repeat(300_000) })).status, 413)
  assert.equal((await fetch(`${url}/run`)).status, 404)
})

test('a client that hangs up ends its snippet', async () => {
  const hangUp = new AbortController()
  const answer = post({ language: 'shell', source: 'exec sleep 1000' }, hangUp.signal)
  answer.catch(() => undefined)
  await oneRuns()
  hangUp.abort()
  await assert.rejects(answer)
  await line(/^\{"aborted":/) // by its signal, or by the pool, if it had not been started yet
  assert.equal(await running(), 0)
})

test('one too many is told to come back', async () => {
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => post({ language: 'shell', source: 'sleep 2; echo done' })),
  )
  const statuses = answers.map(({ status }) => status).sort()
  assert.deepEqual([statuses[0], statuses.at(-1)], [200, 503])
})

test('at its end it answers whom it owes an answer, and leaves nothing', async () => {
  const answer = report('shell', 'echo first; sleep 1; echo last')
  await oneRuns()
  service.kill('SIGTERM')
  assert.equal((await answer).stdout, 'first\nlast\n')
  if (service.exitCode === null) await once(service, 'close')
  assert.equal(service.exitCode, 0)
  assert.equal(lines.at(-1), 'closed')
  site.assertNoContainers()
})
