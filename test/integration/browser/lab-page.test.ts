/** The page of an experiment in a browser: its plots are drawn, by light and by dark, and it asks nothing of any network. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { toPage } from '../../../src/lab/page.ts'
import { openBrowser } from '../../support/browser.ts'
import { exampleResults } from '../../support/lab-results.ts'

const directory = mkdtempSync(join(tmpdir(), 'utsuwa-page-'))
after(() => rmSync(directory, { recursive: true }))
const file = join(directory, 'index.html')
writeFileSync(file, toPage(exampleResults()))

/** Of every canvas how many colours its pixels have, once all have been drawn. */
const colors = `(async () => {
  const frame = () => new Promise(requestAnimationFrame)
  while (document.querySelectorAll('figure').length !== document.querySelectorAll('canvas').length) await frame()
  await frame(); await frame()
  return [...document.querySelectorAll('canvas')].map(canvas => {
    // A copy: to be asked for its pixels again and again is what a canvas that is drawn on complains of.
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true })
    copy.drawImage(canvas, 0, 0)
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height)
    return new Set(new Uint32Array(data.buffer)).size
  })
})()`

const text = `document.body.innerText`

test('plots are drawn, nothing is fetched, and nothing is complained of', async () => {
  await using page = await openBrowser()
  const url = pathToFileURL(file).href
  await page.open(url)
  const light = await page.evaluate<number[]>(colors)
  // One metric is a number; each of two runs has memory, CPU, pressure and processes.
  assert.equal(light.length, 1 + 2 * 4)
  assert.ok(
    light.every(count => count > 5),
    `colours of each plot: ${light}`,
  )
  const shown = await page.evaluate<string>(text)
  assert.match(shown, /An experiment <b>with<\/b> <\/script>/, 'text stays text')
  for (const word of ['One paragraph.', 'And another.', 'out of memory (parent)', 'image: busybox', '32M'])
    assert.ok(shown.includes(word), `${word} in ${shown}`)

  await page.command('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: 'dark' }] })
  const ground = 'getComputedStyle(document.body).backgroundColor'
  assert.match(await page.evaluate<string>(ground), /^rgb\((?:[0-5]?\d, ){2}[0-5]?\d\)$/)
  assert.ok((await page.evaluate<number[]>(colors)).every(count => count > 5))

  assert.deepEqual(
    page.requests.filter(each => !each.startsWith('data:')),
    [url],
  )
  assert.deepEqual(page.complaints, [])
})

test('a closed run is drawn when it is opened, and filters hide runs', async () => {
  const many = exampleResults(6)
  writeFileSync(file, toPage(many))
  await using page = await openBrowser()
  await page.open(pathToFileURL(file).href)
  const before = (await page.evaluate<number[]>(colors)).length
  assert.equal(before, 1 + 3 * 4)
  await page.evaluate(`document.querySelector('#run-5').open = true`)
  await page.evaluate(`new Promise(resolve => setTimeout(resolve))`)
  assert.equal((await page.evaluate<number[]>(colors)).length, before + 4)
  const visible = `document.querySelectorAll('details.run:not([hidden])').length`
  assert.equal(await page.evaluate(visible), 6)
  await page.evaluate(`(() => {
    const select = document.querySelector('.filters select')
    select.value = '32M'
    select.dispatchEvent(new Event('change'))
  })()`)
  assert.equal(await page.evaluate(visible), 3)
  assert.deepEqual(page.complaints, [])
})
