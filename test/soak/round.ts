/** A round: callers, kills and faults for some seconds; then quiet, clean-up, and a look at what is left. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { actions } from './actions/index.ts'
import { cleanUp } from './clean-up.ts'
import { type Command, type Disturbance, disturbanceFor, type Ended, execute, spell } from './command.ts'
import { makeFault } from './faults.ts'
import { inviteGuests, isOfGuest, judgeGuests, keeperPid } from './guests.ts'
import { complaints } from './invariants/answers.ts'
import { invariants } from './invariants/index.ts'
import { differences } from './invariants/invariant.ts'
import { killOne, send } from './kills.ts'
import type { Random } from './random.ts'
import type { Report } from './report.ts'
import type { World } from './world.ts'

export interface RoundOptions {
  readonly seconds: number
  readonly callers: number
}

/** What each invariant saw, by its name. */
type Observations = Map<string, string[]>

/** The kernel takes things apart after the process that ended them has been told. */
const SETTLE_MS = 20_000

export class Rounds {
  readonly #world: World
  readonly #report: Report
  readonly #options: RoundOptions
  #before: Observations = new Map()

  private constructor(world: World, report: Report, options: RoundOptions) {
    this.#world = world
    this.#report = report
    this.#options = options
  }

  /** Makes what is made once and stays, such as the default bridge, and remembers how all is then. */
  static async begin(world: World, report: Report, options: RoundOptions): Promise<Rounds> {
    const rounds = new Rounds(world, report, options)
    for (const flags of [
      ['--rm', '-p', '25000:80', '-v', '/anonymous'],
      ['-d', '--userns', 'auto'],
    ]) {
      const words = ['run', ...flags, world.images[0] ?? '', 'true']
      const { status, stderr } = await execute(world, { words })
      if (status !== 0) throw new Error(`a container in a machine where nothing has happened yet: ${stderr}`)
    }
    await rounds.#cleanUp()
    rounds.#before = observe(world)
    return rounds
  }

  async perform(random: Random): Promise<void> {
    await this.#prepare()
    const end = Date.now() + this.#options.seconds * 1000
    const callers = Array.from({ length: this.#options.callers }, (_, index) => this.#call(index, random.fork(), end))
    await Promise.all([...callers, this.#kill(random.fork(), end), this.#fail(random.fork(), end)])
    this.#report.note('quiet')
    this.#breakEach('restart and status', await judgeGuests(this.#world))
    await this.#cleanUp()
    await this.#look()
    this.#world.forgetRequests()
  }

  async #prepare(): Promise<void> {
    const pull: Command = { words: ['pull', this.#world.images[0] ?? ''], mustSucceed: true }
    this.#tell(pull, await execute(this.#world, pull), 'before')
    this.#breakEach('start without a fault', await inviteGuests(this.#world))
  }

  async #call(index: number, random: Random, end: number): Promise<void> {
    const scratch = join(this.#world.scratch, `caller-${index}`)
    rmSync(scratch, { recursive: true, force: true })
    mkdirSync(scratch)
    writeFileSync(join(scratch, 'file'), 'text')
    while (Date.now() < end) {
      const command = random.weighted(actions).make(random, this.#world, scratch)
      const disturbance = disturbanceFor(command, random)
      this.#report.note(`caller ${index}: ${spell(this.#world, command)}${describe(disturbance)}`)
      this.#tell(command, await execute(this.#world, command, disturbance), `caller ${index}`)
    }
  }

  async #kill(random: Random, end: number): Promise<void> {
    while (Date.now() < end) {
      await sleep(random.below(800))
      if (random.chance(0.2)) this.#killKeeper()
      const kill = await killOne(random, isOfGuest(this.#world))
      if (kill === undefined) continue
      this.#report.count('kills', kill.kind)
      this.#report.note(`kill ${kill.kind} ${kill.pid}: ${kill.commandLine.slice(0, 200)}`)
    }
  }

  #killKeeper(): void {
    const pid = keeperPid(this.#world)
    if (pid === undefined) return
    this.#report.note(`kill keeper ${pid}`)
    this.#report.count('kills', 'keeper')
    send(pid, 'KILL')
  }

  async #fail(random: Random, end: number): Promise<void> {
    while (Date.now() < end) {
      await sleep(random.below(2000))
      const { kind, fault } = makeFault(random, this.#world)
      this.#report.count('faults', kind)
      this.#report.note(fault.what)
      try {
        await sleep(Math.min(500 + random.below(3000), Math.max(0, end - Date.now())))
      } finally {
        fault.lift()
      }
      this.#report.note(`${kind}: lifted`)
    }
  }

  #cleanUp(): Promise<void> {
    return cleanUp(this.#world, (command, ended) => this.#tell(command, ended, 'clean-up'))
  }

  /** Compares, and goes on from what there is now, so that each thing is told once. */
  async #look(): Promise<void> {
    const compare = (): [string, string[]][] => {
      const now = observe(this.#world)
      return invariants.map(one => [
        one.name,
        differences(one, this.#before.get(one.name) ?? [], now.get(one.name) ?? []),
      ])
    }
    let found = compare()
    for (const end = Date.now() + SETTLE_MS; found.some(([, lines]) => lines.length > 0) && Date.now() < end; ) {
      await sleep(500)
      found = compare()
    }
    for (const [name, lines] of found) {
      this.#report.checked()
      if (lines.length > 0) this.#report.breaks(name, lines.join('\n'))
    }
    if (found.some(([, lines]) => lines.length > 0)) this.#before = observe(this.#world)
  }

  #tell(command: Command, ended: Ended, by: string): void {
    const [kind = ''] = command.words
    const name = command.program === 'utsuwa-oci' ? `oci ${kind}` : kind
    const { status, signal, milliseconds, stderr, disturbance } = ended
    this.#report.count('commands', name)
    if (disturbance === undefined) this.#report.took(name, milliseconds)
    else this.#report.count('disturbances', disturbance.how)
    this.#report.note(
      `${by}: ${spell(this.#world, command)} → ${signal ?? status}, ${milliseconds} ms\n${stderr}`.trim(),
    )
    this.#report.checked()
    const complaint = complaints(command, ended).join(', ')
    if (complaint === '') return
    const asked = `${spell(this.#world, command)}${describe(disturbance)} → ${signal ?? status}`
    this.#report.breaks('answers', `${complaint}: ${asked}\n${stderr}`, `${complaint}\n${stderr}`)
  }

  #breakEach(invariant: string, wrong: readonly string[]): void {
    this.#report.checked()
    for (const text of wrong) this.#report.breaks(invariant, text)
  }
}

const observe = (world: World): Observations => new Map(invariants.map(({ name, observe: see }) => [name, see(world)]))

const describe = (disturbance: Disturbance | undefined): string =>
  disturbance === undefined ? '' : ` (${disturbance.how} after ${disturbance.afterMs} ms)`
