/** A plan as the bytes that C reads: the host stage for libutsuwa, the rest as a file for native init. */
import { UtsuwaError } from '../errors.ts'
import { RecordWriter, vocabularyHash } from '../util/wire.ts'
import type { CompiledPlan } from './compile.ts'
import { type Operation, planVocabulary } from './ops.ts'

/** struct plan_file of native/init_check.h. */
const FILE_HEADER_SIZE = 24

const hash = vocabularyHash(planVocabulary)

/** @throws UtsuwaError INVALID_SPEC for a value that the wire cannot carry */
export function encodeHostStage(plan: Pick<CompiledPlan, 'host'>): Buffer {
  return encodeStage(plan.host)
}

/** @throws UtsuwaError INVALID_SPEC for a value that the wire cannot carry */
export function encodeCgroup(operations: readonly Operation[]): Buffer {
  return encodeStage(operations)
}

/** @throws UtsuwaError INVALID_SPEC for a value that the wire cannot carry */
export function encodePlanFile(plan: CompiledPlan): Buffer {
  const join = encodeStage(plan.join)
  const init = encodeStage(plan.init)
  const header = Buffer.alloc(FILE_HEADER_SIZE)
  header.writeBigUInt64LE(hash, 0)
  header.writeUInt32LE(plan.firstDescriptor + plan.descriptors.indexOf('report'), 8)
  header.writeUInt32LE(join.length, 12)
  header.writeUInt32LE(init.length, 16)
  return Buffer.concat([header, join, init])
}

function encodeStage(operations: readonly Operation[]): Buffer {
  const writer = new RecordWriter(planVocabulary)
  for (const operation of operations) writeOperation(writer, operation)
  return writer.take()
}

/** What the wire cannot carry, a NUL or a number too large, was asked for at some place in the runtime spec. */
function writeOperation(writer: RecordWriter<typeof planVocabulary>, operation: Operation): void {
  try {
    writer.write(operation)
  } catch (cause) {
    if (!(cause instanceof TypeError || cause instanceof RangeError)) throw cause
    throw new UtsuwaError('INVALID_SPEC', cause.message, {
      operation: operation.op,
      ...(operation.pointer === '' ? {} : { configPointer: operation.pointer }),
      cause,
    })
  }
}
