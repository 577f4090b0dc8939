/** What a transaction can do with savepoints. */
export interface Savepoints {
  /** Sets a savepoint and returns its name. */
  guard(): Promise<string>
  release(name: string): Promise<void>
}

/** Savepoints around what is done inside one transaction. */
export interface Guarding {
  /** Runs `claim` behind a savepoint, to which a claim that cannot have its rows rolls back. */
  claimed<T>(claim: (savepoint: string) => Promise<T>): Promise<T>
  /** Runs `work`; undoes all of it if it throws. */
  guarded<T>(work: () => Promise<T>): Promise<T>
}

/** `undo` rolls back to a savepoint after `error`, and releases it unless the server has rolled everything back. */
export function createGuarding(
  { guard, release }: Savepoints,
  undo: (savepoint: string, error: unknown) => Promise<void>,
): Guarding {
  /** The savepoint of a `guarded` that has just begun: a claim at its very start needs none of its own. */
  let justBegun: string | undefined
  return {
    async claimed(claim) {
      const own = justBegun
      justBegun = undefined
      if (own !== undefined) return claim(own)
      const savepoint = await guard()
      const outcome = await claim(savepoint)
      await release(savepoint)
      return outcome
    },
    async guarded<T>(work: () => Promise<T>): Promise<T> {
      const savepoint = await guard()
      let value: T
      try {
        justBegun = savepoint
        const working = work()
        justBegun = undefined
        value = await working
      } catch (error) {
        await undo(savepoint, error)
        throw error
      }
      await release(savepoint)
      return value
    },
  }
}
