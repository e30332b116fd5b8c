/** What to say when the kernel killed for lack of memory: which limit was hit, and whose. */

import type { Container, RunResult } from '../../index.ts'
import { parseBytes } from '../../options/bytes.ts'
import { KILLED } from '../../util/exit-status.ts'
import { formatBinarySize, shortId } from './format.ts'

/** @param memory what `--memory` says */
export function describeOom(
  { id, name }: Pick<Container, 'id' | 'name'>,
  { exitCode, oom }: Pick<RunResult, 'exitCode' | 'oom'>,
  memory: string | undefined,
): string {
  const container = name ?? shortId(id)
  const kills = oom?.kills ?? 0
  const who =
    exitCode === KILLED
      ? `container ${container} was killed`
      : `${kills === 1 ? 'a process' : `${kills} processes`} of container ${container} ${kills === 1 ? 'was' : 'were'} killed`
  return `${who}: ${describeLimit(oom, memory)}`
}

function describeLimit(oom: RunResult['oom'], memory: string | undefined): string {
  if (oom?.level === 'ancestor')
    return oom.cgroup === undefined
      ? "the machine's memory was used up, or memory.max of a cgroup above that cannot be seen was hit"
      : `memory.max of ${oom.cgroup}, a cgroup above this container, was hit`
  const limit = memory === undefined ? '' : ` (${formatBinarySize(parseBytes(memory, '--memory'))})`
  return `memory.max${limit} of this container was hit`
}
