/** What happened: the log of the round, which is kept where it is broken, and the figures of all of them. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const DIRECTORY = resolve(import.meta.dirname, '../../build/soak')

type Table = 'commands' | 'disturbances' | 'kills' | 'faults'

export class Report {
  readonly #seed: number
  readonly #begin = performance.now()
  readonly #tables: Record<Table, Map<string, number>> = {
    commands: new Map(),
    disturbances: new Map(),
    kills: new Map(),
    faults: new Map(),
  }
  readonly #slowest = new Map<string, number>()
  /** How often each thing was broken, by what is the same of it each time. */
  readonly #broken = new Map<string, { first: string; count: number }>()
  #round = 0
  #checks = 0
  #log: string[] = []
  #brokenInRound = 0

  constructor(seed: number) {
    this.#seed = seed
  }

  get broken(): number {
    return sum(new Map([...this.#broken].map(([key, { count }]) => [key, count])))
  }

  beginRound(round: number): void {
    this.#round = round
    this.#log = []
    this.#brokenInRound = 0
    this.note(`round ${round} of seed ${this.#seed}`)
  }

  /** A line of the round's log. */
  note(text: string): void {
    this.#log.push(`${((performance.now() - this.#begin) / 1000).toFixed(3)} ${text}`)
  }

  count(table: Table, kind: string): void {
    const counts = this.#tables[table]
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }

  took(kind: string, milliseconds: number): void {
    this.#slowest.set(kind, Math.max(this.#slowest.get(kind) ?? 0, milliseconds))
  }

  checked(): void {
    this.#checks++
  }

  /**
   * An invariant that does not hold.
   * @param message what it is known again by; printed in full only the first time
   */
  breaks(invariant: string, details: string, message: string = details): void {
    this.#brokenInRound++
    this.note(`BROKEN ${invariant}: ${details}`)
    const key = `${invariant}: ${withoutNumbers(message)}`
    const known = this.#broken.get(key)
    if (known !== undefined) {
      known.count++
      return
    }
    this.#broken.set(key, { first: `round ${this.#round}: ${invariant}: ${details.split('\n')[0]}`, count: 1 })
    console.log(`BROKEN (seed ${this.#seed}, round ${this.#round}) ${invariant}:\n${details.replace(/^/gm, '  ')}`)
  }

  endRound(): void {
    const figures = `${sum(this.#tables.commands)} commands, ${sum(this.#tables.kills)} kills so far`
    console.log(
      `round ${this.#round}: ${this.#brokenInRound === 0 ? 'held' : `${this.#brokenInRound} broken`}; ${figures}`,
    )
    if (this.#brokenInRound === 0) return
    mkdirSync(DIRECTORY, { recursive: true })
    const file = join(DIRECTORY, `seed-${this.#seed}-round-${this.#round}.log`)
    writeFileSync(file, `${this.#log.join('\n')}\n`)
    console.log(`  what happened: ${file}`)
  }

  summary(): void {
    const line = (title: string, counts: ReadonlyMap<string, number>): string =>
      `${title}: ${sum(counts)} (${[...counts].map(([kind, count]) => `${kind} ${count}`).join(', ')})`
    const slow = [...this.#slowest].sort(([, a], [, b]) => b - a).slice(0, 8)
    console.log(
      [
        '',
        `seed ${this.#seed}: ${this.#round} rounds in ${((performance.now() - this.#begin) / 60_000).toFixed(1)} minutes`,
        ...Object.entries(this.#tables).map(([title, counts]) => line(title, counts)),
        `slowest, in ms: ${slow.map(([kind, milliseconds]) => `${kind} ${milliseconds}`).join(', ')}`,
        `invariants: ${this.#checks} checked, ${this.broken} broken`,
        ...[...this.#broken.values()].map(({ first, count }) => `  ${count} ×, first in ${first}`),
      ].join('\n'),
    )
  }
}

const sum = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((total, count) => total + count, 0)

const withoutNumbers = (text: string): string => text.replace(/\b[0-9a-f]{12,}\b|\d+/g, 'N')
