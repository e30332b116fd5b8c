/** Resolves when other work of this process has had its turn. */
export const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
