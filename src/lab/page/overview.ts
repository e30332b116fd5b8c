/** What the experiment is, and where it ran. */
import type { PageData } from '../page.ts'
import { element } from './element.ts'
import { formatBytes } from './numbers.ts'

export function heading({ name, description, runs, planned, interrupted, machine, intervalMs }: PageData): HTMLElement {
  const count = runs.length === planned ? `${planned} runs` : `${runs.length} of ${planned} runs`
  const facts = [
    count,
    ...(interrupted ? ['interrupted'] : []),
    `a sample each ${intervalMs} ms`,
    machine.kernel,
    `${machine.cpus} CPUs`,
    formatBytes(machine.memoryBytes),
    new Date(machine.date).toLocaleString(),
  ]
  return element(
    'header',
    {},
    element('h1', {}, name),
    ...description
      .split(/\n\s*\n/)
      .filter(Boolean)
      .map(paragraph => element('p', {}, paragraph.replace(/\s+/g, ' '))),
    element('p', { class: 'facts' }, ...facts.map(fact => element('span', {}, fact))),
  )
}

export function overview({ machine, text }: PageData): HTMLElement {
  const rows = [
    ['Date', machine.date],
    ['Machine', machine.hostname],
    ['Kernel', `${machine.kernel} ${machine.kernelBuild}`],
    ['CPUs', `${machine.cpus} × ${machine.cpuModel || machine.architecture}`],
    ['Memory', formatBytes(machine.memoryBytes)],
    ['utsuwa', machine.utsuwa],
    ['Node.js', machine.node],
  ] as const
  const table = element('table', { class: 'pairs' })
  for (const [key, value] of rows) table.append(element('tr', {}, element('th', {}, key), element('td', {}, value)))
  return element(
    'section',
    {},
    element('h2', {}, 'Machine and experiment'),
    table,
    text === undefined ? undefined : element('pre', {}, text),
  )
}
