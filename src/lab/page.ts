/** The page of an experiment: one file with all in it, which asks nothing of any network. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { knobNumber } from './knobs.ts'
import type { LabResults } from './results.ts'

/** What the script of the page gets: results, with values of knobs as numbers where they are some. */
export type PageData = Omit<LabResults, 'knobs'> & {
  readonly knobs: readonly (LabResults['knobs'][number] & {
    /** Null for text; −1 for no limit. */
    readonly numbers: readonly (number | null)[]
  })[]
}

/** Bytes of output on the page, which is an excerpt: all of it is in a file beside it. */
const MAX_OUTPUT = 4000

export function toPage(results: LabResults): string {
  const script = readFileSync(builtPath('lab-page.js'), 'utf8')
  const style = readFileSync(builtPath('lab-page.css'), 'utf8')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${escapeHtml(results.name)}</title>
<style>${style}</style>
</head>
<body>
<noscript>The plots of this page are drawn by its script.</noscript>
<script type="application/json" id="data">${escapeJson(JSON.stringify(pageData(results)))}</script>
<script>${script.replaceAll('</script', '<\\/script')}</script>
</body>
</html>
`
}

export function pageData(results: LabResults): PageData {
  const number = (file: string, value: string): number | null => {
    const found = knobNumber(file, value)
    return found === undefined || Number.isNaN(found) ? null : Number.isFinite(found) ? found : -1
  }
  return {
    ...results,
    knobs: results.knobs.map(knob => ({ ...knob, numbers: knob.values.map(value => number(knob.file, value)) })),
    runs: results.runs.map(run => ({
      ...run,
      containers: Object.fromEntries(
        Object.entries(run.containers).map(([name, result]) => [
          name,
          { ...result, output: result.output.slice(-MAX_OUTPUT) },
        ]),
      ),
    })),
  }
}

/** No text of an experiment can end the element that it stands in. */
function escapeJson(json: string): string {
  return json.replaceAll('<', '\\u003c')
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

/** Beside the bundles in dist/; in a checkout, when the sources run as they are, in dist too. */
function builtPath(name: string): string {
  const beside = join(import.meta.dirname, name)
  return existsSync(beside) ? beside : join(import.meta.dirname, '../../dist', name)
}
