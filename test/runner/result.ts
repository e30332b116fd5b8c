/** What ran and how it ended, counted once and told in one form, wherever it ran. */
import { relative } from 'node:path'

export interface Result {
  /** The step or test file that it belongs to. */
  group: string
  name: string
  status: 'passed' | 'failed' | 'skipped'
  /** Why it failed, or why it could not run. */
  reason?: string
  milliseconds: number
  /** It failed, and passed when it was run once more. */
  secondTry?: true
}

const root = `${import.meta.dirname}/../..`

export const fromRoot = (path: string): string => relative(root, path) || '.'

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`

const indent = (text: string): string => text.trimEnd().replaceAll(/^/gm, '      ')

/** One line for a group that is over, and all that is known of its failures. */
export function printGroup(group: string, results: readonly Result[], milliseconds: number): void {
  const failed = results.filter(result => result.status === 'failed')
  const skipped = results.filter(result => result.status === 'skipped').length
  const passed = results.length - failed.length - skipped
  const counts = [`${passed} passed`]
  if (failed.length > 0) counts.push(`${failed.length} failed`)
  if (skipped > 0) counts.push(`${skipped} skipped`)
  console.log(`${failed.length > 0 ? 'FAIL' : 'ok  '}  ${group}: ${counts.join(', ')} (${seconds(milliseconds)})`)
  for (const { name, reason } of failed) console.log(`    FAIL  ${name}\n${indent(reason ?? 'no reason given')}`)
}

/** The end of a run: what could not run, what passed late, what failed, and the counts on the closing line. True when nothing failed. */
export function printSummary(results: readonly Result[], milliseconds: number): boolean {
  const skipped = results.filter(result => result.status === 'skipped')
  const failed = results.filter(result => result.status === 'failed')
  if (skipped.length > 0) {
    console.log('\nCOULD NOT RUN HERE:')
    for (const { group, name, reason } of skipped) console.log(`  ${group}: ${name}: ${reason ?? 'no reason given'}`)
  }
  const late = results.filter(({ secondTry }) => secondTry)
  if (late.length > 0) {
    console.log('\nPASSED ONLY WHEN RUN AGAIN (above is why they failed):')
    for (const { group, name } of late) console.log(`  ${group}: ${name}`)
  }
  if (failed.length > 0) {
    console.log('\nFAILED:')
    for (const { group, name } of failed) console.log(`  ${group}: ${name}`)
  }
  const passed = results.length - failed.length - skipped.length
  console.log(`\n${seconds(milliseconds)}`)
  console.log(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`)
  return failed.length === 0
}
