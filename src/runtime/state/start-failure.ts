/** What a record keeps of a start that failed. */
import { isUtsuwaError } from '../../errors.ts'
import type { ContainerRecord, StartFailure } from './record.ts'

/** For `why`, when the error has been seen and forgotten. Nothing is kept for an OCI runtime's containers. */
export function withStartFailure(record: ContainerRecord, error: unknown): ContainerRecord {
  if (!isUtsuwaError(error)) return record
  return { ...record, managed: { ...record.managed!, startFailure: startFailureOf(error) } }
}

export function startFailureOf(error: unknown): StartFailure {
  const time = new Date().toISOString()
  if (!isUtsuwaError(error)) return { time, code: 'INIT_FAILED', message: String(error) }
  const { code, message, failure, hint } = error
  return {
    time,
    code,
    message,
    ...(failure === undefined ? {} : { failure }),
    ...(hint === undefined ? {} : { hint }),
  }
}
