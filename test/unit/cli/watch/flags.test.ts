import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createProgram } from '../../../../src/cli/program.ts'

test('what the live view has no use for is refused', async () => {
  for (const [line, message] of [
    ['run --watch -d image', /--watch is for a container in the foreground/],
    ['run --watch -t image', /--watch and --tty both want the terminal/],
    ['stats --watch', /--watch: one container is expected/],
    ['stats --watch one two', /--watch: one container is expected/],
    ['stats --watch --json one', /--watch is for people/],
    ['stats --watch --no-stream one', /--watch is for people/],
    ['stats --interval 0', /--interval: 0.02 is the least/],
  ] as const) {
    const words = line.split(' ')
    const program = await createProgram(words)
    await assert.rejects(program.parseAsync(words, { from: 'user' }), message)
  }
})
