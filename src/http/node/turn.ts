/** One turn of the event loop, in which requests arrive. */
export interface Turn {
  over: boolean
  /** Resolves when the requests that arrived in it have been worked on. */
  readonly end: Promise<void>
}

let current: Turn | undefined

/** Returns the turn that is under way, the same for all requests that arrive in it. */
export function thisTurn(): Turn {
  current ??= newTurn()
  return current
}

function newTurn(): Turn {
  const turn = {
    over: false,
    end: new Promise<void>((resolve) => {
      setImmediate(() => {
        turn.over = true
        current = undefined
        resolve()
      })
    }),
  }
  return turn
}
