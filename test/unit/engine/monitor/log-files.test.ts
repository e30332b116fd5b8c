/** Reading a log while its files change, as the monitor changes them. */
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LogFiles } from '../../../../src/engine/monitor/log-files.ts'

const line = (text: string): string => `2026-01-02T03:04:05.123456789Z stdout F ${text}\n`

/** A log whose files the test changes, and a reader of it. */
function openLog() {
  const directory = mkdtempSync(join(tmpdir(), 'utsuwa-log-'))
  const path = join(directory, 'container.log')
  const files = new LogFiles(directory)
  const buffer = Buffer.alloc(64 * 1024)
  return {
    path,
    files,
    print: (...texts: string[]) => appendFileSync(path, texts.map(line).join('')),
    /** Keeps three files. */
    rotate() {
      rmSync(`${path}.2`, { force: true })
      for (const [from, to] of [
        ['.1', '.2'],
        ['', '.1'],
      ])
        try {
          renameSync(`${path}${from}`, `${path}${to}`)
        } catch {
          // There are not so many yet.
        }
      writeFileSync(path, '')
    },
    /** Texts of all that there is to read now. */
    read(): string[] {
      let data = ''
      for (;;) {
        let size = files.read(buffer)
        if (size === 0) {
          const next = files.advance(buffer)
          if (!next.moved) return [...data.matchAll(/F (.*)\n/g)].map(([, text]) => text!)
          size = next.size
        }
        data += buffer.toString('utf8', 0, size)
      }
    },
    [Symbol.dispose]() {
      files[Symbol.dispose]()
      rmSync(directory, { recursive: true })
    },
  }
}

test('files are read one after the other, the oldest first, and what is added later', () => {
  using log = openLog()
  assert.deepEqual(log.read(), [])
  log.print('1', '2')
  log.rotate()
  log.print('3')
  log.rotate()
  log.print('4')
  assert.deepEqual(log.read(), ['1', '2', '3', '4'])
  log.print('5')
  assert.deepEqual(log.read(), ['5'])
  log.rotate()
  assert.deepEqual(log.read(), [])
  log.print('6')
  log.rotate()
  log.print('7')
  assert.deepEqual(log.read(), ['6', '7'])
  assert.equal(log.files.gap, false)
})

test('what was added to a file before it was moved is not missed', () => {
  using log = openLog()
  log.print('1')
  assert.deepEqual(log.read(), ['1'])
  log.print('2')
  log.rotate()
  log.print('3')
  assert.deepEqual(log.read(), ['2', '3'])
})

test('it says so when files went before they were read', () => {
  using log = openLog()
  log.print('1')
  assert.deepEqual(log.read(), ['1'])
  for (const text of ['2', '3', '4', '5']) {
    log.rotate()
    log.print(text)
  }
  assert.deepEqual(log.read(), ['3', '4', '5'])
  assert.equal(log.files.gap, true)
})

test('a file that somebody else has moved away is followed by the present one', () => {
  using log = openLog()
  log.print('1')
  assert.deepEqual(log.read(), ['1'])
  renameSync(log.path, `${log.path}-old`)
  log.print('2')
  assert.deepEqual(log.read(), ['2'])
})

test('the last lines may be in several files', () => {
  for (const [lines, expected] of [
    [0, []],
    [1, ['5']],
    [2, ['4', '5']],
    [4, ['2', '3', '4', '5']],
    [9, ['1', '2', '3', '4', '5']],
  ] as const) {
    using log = openLog()
    log.print('1', '2')
    log.rotate()
    log.print('3', '4')
    log.rotate()
    log.print('5')
    log.files.seekToLast(lines)
    assert.deepEqual(log.read(), expected, `${lines}`)
    log.print('6')
    assert.deepEqual(log.read(), ['6'])
  }
})

test('the last lines are found in a long file', () => {
  using log = openLog()
  const texts = Array.from({ length: 20_000 }, (_, index) => `line ${index}`)
  log.print(...texts)
  log.files.seekToLast(15_000)
  assert.deepEqual(log.read(), texts.slice(-15_000))
})
