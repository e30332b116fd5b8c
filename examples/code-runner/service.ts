/** The HTTP side: `POST /run` with `{ language, source, stdin }`, `GET /health`. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Runner, Snippet } from './runner.ts'

export interface ServiceOptions {
  /** Snippets that run at the same time; whoever asks for one more is told to come back. */
  readonly parallel: number
  /** Gets a line of JSON for each snippet. */
  readonly log: (line: string) => void
}

const MAX_BODY = 256 * 1024

class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export function createService(runner: Runner, { parallel, log }: ServiceOptions): Server {
  let running = 0

  async function run(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const hangUp = new AbortController()
    response.once('close', () => hangUp.abort(new Error('the client hung up')))
    const snippet = snippetOf(await bodyOf(request), runner.languages)
    if (running >= parallel) throw new Refusal(503, 'busy')
    running++
    try {
      const report = await runner.run(snippet, hangUp.signal)
      const { exitCode, timedOut, outOfMemory, usage } = report
      log(JSON.stringify({ language: snippet.language, exitCode, timedOut, outOfMemory, usage }))
      return report
    } finally {
      running--
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const route = `${request.method} ${request.url}`
    if (route === 'POST /run') return run(request, response)
    if (route === 'GET /health') return { languages: runner.languages, running }
    throw new Refusal(404, 'there are POST /run and GET /health')
  }

  return createServer((request, response) => {
    answer(request, response).then(
      body => send(response, 200, body),
      (error: unknown) => {
        if (response.destroyed) return log(JSON.stringify({ aborted: String(error) }))
        if (error instanceof Refusal) return send(response, error.status, { error: error.message })
        // Not the caller's fault, and nothing that a stranger should read.
        log(JSON.stringify({ failed: String(error) }))
        send(response, 500, { error: 'the snippet could not be run' })
      },
    )
  })
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size > MAX_BODY) throw new Refusal(413, `more than ${MAX_BODY} bytes`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString()
}

function snippetOf(body: string, languages: readonly string[]): Snippet {
  const { language, source, stdin = '' } = parse(body)
  if (typeof language !== 'string' || !languages.includes(language))
    throw new Refusal(400, `language: one of ${languages.join(', ')}`)
  if (typeof source !== 'string' || typeof stdin !== 'string') throw new Refusal(400, 'source and stdin: text')
  return { language, source, stdin }
}

function parse(body: string): Partial<Record<keyof Snippet, unknown>> {
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // What follows says it.
  }
  throw new Refusal(400, 'the body must be a JSON object')
}
