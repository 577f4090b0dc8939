import { AsyncLocalStorage } from 'node:async_hooks'

/** A call in a transaction. Calls begun inside it run one after the other, each after `last`. */
interface Place {
  readonly tx: object
  readonly around: Place | undefined
  open: boolean
  last: Promise<unknown>
}

const here = new AsyncLocalStorage<Place>()
const outermost = new WeakMap<object, Place>()

/**
 * Runs calls in one transaction one after the other; only a call begun inside another runs at once. Savepoints nest:
 * undoing one also undoes those opened after it, whose callers may have their answers already. The async context tells
 * which call is inside another: a call from a callback that has lost it waits until the surrounding call is over.
 */
export function inTurn<T>(tx: object, work: () => Promise<T>): Promise<T> {
  const around = here.getStore()
  const place = placeIn(tx, around)
  const own = newPlace(tx, around)
  const end = () => {
    own.open = false
  }
  const answer = place.last.then(() => here.run(own, work))
  place.last = answer.then(end, end)
  return answer
}

/**
 * Resolves when the calls begun in `tx` inside the current one are over, whether or not anybody waits for them;
 * undefined when there were none. An effect that ended before them would cut them in half: their records kept, and what
 * they still do refused.
 */
export function innerCallsOver(tx: object, threw: boolean): Promise<void> | undefined {
  const place = knownPlace(tx, here.getStore())
  // An error outside of every joined call undoes the whole transaction, and them with it.
  if (place === undefined || (threw && place === outermost.get(tx))) return undefined
  return lastOver(place)
}

/** Runs the `work` of a transaction, up to the end of the calls that it began there: a commit would cut them in half. */
export async function upToInnerCalls<T>(tx: object, work: () => Promise<T>): Promise<T> {
  const value = await work()
  await innerCallsOver(tx, false)
  return value
}

async function lastOver(place: Place): Promise<void> {
  for (let last: unknown; last !== place.last; ) {
    last = place.last
    await last
  }
}

function placeIn(tx: object, around: Place | undefined): Place {
  const known = knownPlace(tx, around)
  if (known !== undefined) return known
  const first = newPlace(tx, undefined)
  outermost.set(tx, first)
  return first
}

function knownPlace(tx: object, around: Place | undefined): Place | undefined {
  for (let place = around; place !== undefined; place = place.around) {
    // Work left running by an effect that is over is no longer inside its call.
    if (place.tx === tx && place.open) return place
  }
  return outermost.get(tx)
}

function newPlace(tx: object, around: Place | undefined): Place {
  return { tx, around, open: true, last: Promise.resolve() }
}
