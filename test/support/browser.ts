/** Debian's headless Chromium, told what to do over a pipe by the Chrome DevTools Protocol. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

type Json = Record<string, unknown>

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Json
  readonly result?: Json
  readonly error?: { readonly message: string }
}

export interface Page extends AsyncDisposable {
  /** Resolves when it has loaded. */
  open(url: string): Promise<void>
  /** The value of an expression, once its promise has settled. */
  evaluate<T>(expression: string): Promise<T>
  command(method: string, params?: Json): Promise<Json>
  /** URLs of all that was asked for. */
  readonly requests: string[]
  /** What went wrong in it: exceptions, errors and warnings of the console. */
  readonly complaints: string[]
}

/** Debian's wrapper reads flags from files of the user; the program itself does not. */
const PROGRAM = 'chromium-headless-shell'

export async function openBrowser(): Promise<Page> {
  const home = mkdtempSync(join(tmpdir(), 'utsuwa-browser-'))
  const flags = ['--no-sandbox', '--disable-gpu', '--remote-debugging-pipe', `--user-data-dir=${home}`]
  const child = spawn(PROGRAM, [...flags, '--window-size=1300,2400'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, HOME: home },
  })
  const [to, from] = [child.stdio[3] as Writable, child.stdio[4] as Readable]
  const ended = new Promise<void>(resolve => child.on('exit', () => resolve()))
  const failed = Promise.race([
    ended.then((): Message => ({ error: { message: `${PROGRAM} has ended` } })),
    new Promise<Message>(resolve => child.on('error', error => resolve({ error }))),
  ])
  const waiting = new Map<number, (message: Message) => void>()
  const listeners = new Map<string, ((params: Json) => void)[]>()
  let sent = 0
  let pending = ''
  from.setEncoding('utf8').on('data', (text: string) => {
    const parts = (pending + text).split('\0')
    pending = parts.pop()!
    for (const part of parts) {
      const message = JSON.parse(part) as Message
      if (message.id !== undefined) waiting.get(message.id)?.(message)
      else for (const listener of listeners.get(message.method ?? '') ?? []) listener(message.params ?? {})
    }
  })
  let sessionId: unknown
  const command = async (method: string, params: Json = {}): Promise<Json> => {
    const id = ++sent
    const answer = Promise.race([new Promise<Message>(resolve => waiting.set(id, resolve)), failed])
    to.write(`${JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) })}\0`)
    const { result = {}, error } = await answer
    waiting.delete(id)
    if (error !== undefined) throw new Error(`${method}: ${error.message}`)
    return result
  }
  const on = (method: string, listener: (params: Json) => void): void => {
    listeners.set(method, [...(listeners.get(method) ?? []), listener])
  }
  const { targetId } = await command('Target.createTarget', { url: 'about:blank' })
  ;({ sessionId } = await command('Target.attachToTarget', { targetId, flatten: true }))
  const requests: string[] = []
  const complaints: string[] = []
  on('Network.requestWillBeSent', ({ request }) => requests.push((request as { url: string }).url))
  on('Runtime.exceptionThrown', params => complaints.push(JSON.stringify(params)))
  on('Log.entryAdded', params => complaints.push(JSON.stringify(params)))
  on('Runtime.consoleAPICalled', params => complaints.push(JSON.stringify(params)))
  for (const domain of ['Page', 'Network', 'Runtime', 'Log']) await command(`${domain}.enable`)
  return {
    requests,
    complaints,
    command,
    async open(url) {
      const loaded = new Promise<void>(resolve => on('Page.loadEventFired', () => resolve()))
      await command('Page.navigate', { url })
      await loaded
    },
    async evaluate<T>(expression: string) {
      const { result, exceptionDetails } = await command('Runtime.evaluate', {
        expression,
        awaitPromise: true,
        returnByValue: true,
      })
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
      return (result as { value: T }).value
    },
    async [Symbol.asyncDispose]() {
      // Asked rather than killed, it takes its own processes along.
      to.write(`${JSON.stringify({ id: ++sent, method: 'Browser.close' })}\0`)
      await ended
      to.destroy()
      from.destroy()
      rmSync(home, { recursive: true, force: true })
    },
  }
}
