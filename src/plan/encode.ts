/** A plan as the bytes that C reads: the host stage for libutsuwa, the rest as a file for native init. */
import { RecordWriter, vocabularyHash } from '../util/wire.ts'
import type { CompiledPlan } from './compile.ts'
import { type Operation, planVocabulary } from './ops.ts'

/** struct plan_file of native/init_check.h. */
const FILE_HEADER_SIZE = 24

const hash = vocabularyHash(planVocabulary)

export function encodeHostStage(plan: CompiledPlan): Buffer {
  return encodeStage(plan.host)
}

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
  for (const operation of operations) writer.write(operation)
  return writer.take()
}
