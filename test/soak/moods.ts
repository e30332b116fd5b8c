/** How a registry fails. */
import type { ServerResponse } from 'node:http'

export const moods = ['refuses', 'breaks off', 'corrupts', 'waits'] as const
export type Mood = 'well' | (typeof moods)[number]

const BROKEN_OFF_BYTES = 10_000
const WAIT_MS = 1500

/** @param answer writes what a well-behaved registry would */
export function misbehave(mood: Mood, response: ServerResponse, answer: () => void): void {
  if (mood === 'refuses') {
    response.writeHead(503).end()
    return
  }
  if (mood === 'waits') {
    setTimeout(() => response.destroyed || answer(), WAIT_MS)
    return
  }
  const end = response.end.bind(response)
  if (mood === 'breaks off')
    response.end = ((body: Buffer) => {
      response.write(body.subarray(0, BROKEN_OFF_BYTES), () => response.destroy())
      return response
    }) as ServerResponse['end']
  if (mood === 'corrupts')
    response.end = ((body: Buffer) => end(Buffer.alloc(body.length, body))) as ServerResponse['end']
  answer()
}
