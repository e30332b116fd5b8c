/**
 * A run of everything on a busy machine should not be lost to one test that is sensitive to it: the few files that failed
 * run once more, and what passes then is named in the summary. It is a fault nonetheless, of the test or of utsuwa.
 */
import { runKernelTests } from './kernel.ts'
import { fromRoot, type Result } from './result.ts'

/** More than that is no accident. */
const filesAtMost = 4

/** Never of what must hold at every try: an attack that succeeds once has succeeded. */
const mayTryAgain = (file: string): boolean => fromRoot(file).startsWith('test/integration/')

export async function withSecondTry(files: readonly string[]): Promise<Result[]> {
  const first = await runKernelTests(files)
  const failures = first.filter(({ status }) => status === 'failed')
  const failed = new Set(failures.map(({ group }) => group))
  const again = files.filter(file => failed.has(fromRoot(file)))
  if (again.length === 0 || again.length < failed.size || again.length > filesAtMost || !again.every(mayTryAgain))
    return first
  console.log('\nOnce more, what failed:')
  const second = await runKernelTests(again)
  return [
    ...first.filter(({ group }) => !failed.has(group)),
    ...second.map(result => ({ ...result, ...atFirst(result, failures) })),
  ]
}

const atFirst = ({ group, name, status }: Result, failures: readonly Result[]): Partial<Result> =>
  status === 'passed' && failures.some(failure => failure.group === group && failure.name === name)
    ? { secondTry: true }
    : {}
