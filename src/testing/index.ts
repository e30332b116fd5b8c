/**
 * `utsuwa/testing`: containers in tests, removed with the test that made them, under node:test, vitest and any other
 * runner; and the part of testcontainers' interface that works without a network.
 */
export { type Containers, containersOf, type Remover, withContainers } from './fixture.ts'
export {
  type ContentToCopy,
  type ExecCommandOptions,
  type ExecCommandResult,
  GenericContainer,
  type ImageOrSource,
  StartedContainer,
  type StopOptions,
} from './generic-container.ts'
export { Wait, type WaitStrategy } from './wait.ts'
