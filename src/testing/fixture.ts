/** Containers that live as long as a test. */
import { type Container, type CreateOptions, create, type RunOptions, type RunResult, run } from '../index.ts'

/** Makes containers that are removed when their test has ended, whatever they do then. */
export interface Containers {
  /** As `create` of utsuwa. */
  create(options: CreateOptions): Promise<Container>
  /** The same, started. */
  start(options: CreateOptions): Promise<Container>
  /** As `run` of utsuwa, with its output captured unless `stdio` says otherwise. */
  run(options: RunOptions): Promise<RunResult>
}

/**
 * Where a runner takes what is to be done at the end: the context of a test of node:test (`after`) or of vitest
 * (`onTestFinished`), or a function such as `afterEach` of either.
 */
export type Remover =
  | { after(remove: () => Promise<void>): void }
  | { onTestFinished(remove: () => Promise<void>): void }
  | ((remove: () => Promise<void>) => void)

/**
 * @example
 * test('a tool', async t => {
 *   const box = await containersOf(t).start({ image: 'debian:test', args: ['sleep', 'inf'] })
 * })
 * @example
 * const containers = containersOf(afterEach) // for all tests of a file
 */
export function containersOf(remover: Remover, defaults: CreateOptions = {}): Containers {
  const made = new MadeContainers(defaults)
  const remove = (): Promise<void> => made[Symbol.asyncDispose]()
  // The context of vitest is a function as well, which is not to be called.
  if ('onTestFinished' in remover) remover.onTestFinished(remove)
  else if ('after' in remover) remover.after(remove)
  else remover(remove)
  return made
}

/**
 * For runners that have neither, and for fixtures that are functions around a test: `test.extend` of vitest.
 * @example
 * const test = base.extend({ containers: async ({}, use) => withContainers(use) })
 */
export async function withContainers<T>(use: (containers: Containers) => Promise<T>): Promise<T> {
  await using made = new MadeContainers({})
  return await use(made)
}

class MadeContainers implements Containers, AsyncDisposable {
  readonly #defaults: CreateOptions
  #making: Promise<Container>[] = []

  constructor(defaults: CreateOptions) {
    this.#defaults = defaults
  }

  create(options: CreateOptions): Promise<Container> {
    const making = create({ ...this.#defaults, ...options })
    this.#making.push(making)
    return making
  }

  async start(options: CreateOptions): Promise<Container> {
    const container = await this.create(options)
    await container.start()
    return container
  }

  run(options: RunOptions): Promise<RunResult> {
    return run({ stdio: 'capture', ...this.#defaults, ...options })
  }

  /** May be used again afterwards: `afterEach` comes after each test. */
  async [Symbol.asyncDispose](): Promise<void> {
    const making = this.#making
    this.#making = []
    const created = await Promise.allSettled(making)
    await Promise.all(created.map(result => (result.status === 'fulfilled' ? result.value.delete() : undefined)))
  }
}
