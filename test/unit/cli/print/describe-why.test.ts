import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeWhy } from '../../../../src/cli/print/describe-why.ts'
import { hang, wrap } from '../../../../src/cli/print/text-screen.ts'

const id = 'ab'.repeat(32)
const screen = { width: 60, bold: (text: string) => text, dim: (text: string) => text }

test('paragraph, evidence, last words and advice, within the width', () => {
  const text = describeWhy(
    {
      id,
      name: 'box',
      status: 'stopped',
      exitCode: 137,
      signal: 'SIGKILL',
      started: undefined,
      finished: undefined,
      code: 'oom-own-limit',
      confidence: 'certain',
      summary: 'box was killed by the kernel: it was out of memory, and needed more than its limit.',
      evidence: [
        { source: 'kernel', subject: 'end', text: 'SIGKILL' },
        {
          source: 'kernel',
          subject: 'kernel log',
          text: `oom-kill:constraint=X,oom_memcg=/utsuwa/${id},task=dd,pid=7`,
        },
      ],
      advice: ['give it more: utsuwa run --memory 64m …'],
      output: ['last \u001b[31mwords', 'x'.repeat(100)],
    },
    screen,
  )
  assert.deepEqual(text.split('\n'), [
    'box was killed by the kernel: it was out of memory, and',
    'needed more than its limit.',
    '',
    'cause oom-own-limit, certain: the kernel or utsuwa itself says so',
    '',
    'EVIDENCE',
    '  end         SIGKILL',
    '  kernel log  oom-kill:constraint=X,',
    '              oom_memcg=/utsuwa/abababababab, task=dd, pid=7',
    '',
    'IT PRINTED LAST',
    '  | last \uFFFD[31mwords',
    `  | ${'x'.repeat(56)}`,
    '',
    'WHAT TO CHANGE',
    '  • give it more: utsuwa run --memory 64m …',
    '',
  ])
})

test('lines are wrapped at spaces, and hang below their first', () => {
  assert.deepEqual(wrap('one two three', 7), ['one two', 'three'])
  assert.deepEqual(wrap('impossible', 4), ['impossible'])
  assert.deepEqual(hang('a: ', 'one two three', 10), ['a: one two', '   three'])
})
