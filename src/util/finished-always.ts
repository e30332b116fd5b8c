/** Iterations that begin something before they are iterated. */

/**
 * Has `finish` called when a generator ends, and also when it is given up before its first turn: `return()` runs nothing
 * of a generator that has not begun, `finally` neither.
 *
 * @param finish called once
 */
export function finishedAlways<T>(
  generator: AsyncGenerator<T, void, undefined>,
  finish: () => void,
): AsyncGenerator<T, void, undefined> {
  let isFinished = false
  const finishOnce = (): void => {
    if (!isFinished) finish()
    isFinished = true
  }
  const iteration = iterate(generator, finishOnce)
  const giveUp = iteration.return.bind(iteration)
  let hasBegun = false
  const next = iteration.next.bind(iteration)
  return Object.assign(iteration, {
    next: () => {
      hasBegun = true
      return next()
    },
    return: () => {
      if (!hasBegun) finishOnce()
      return giveUp()
    },
  })
}

async function* iterate<T>(
  generator: AsyncGenerator<T, void, undefined>,
  finish: () => void,
): AsyncGenerator<T, void, undefined> {
  try {
    yield* generator
  } finally {
    finish()
  }
}
