import { AsyncLocalStorage } from 'node:async_hooks'

/** The place of a call in a transaction: those that are begun inside it take turns behind `last`. */
interface Place {
  readonly tx: object
  readonly around: Place | undefined
  open: boolean
  last: Promise<unknown>
}

const here = new AsyncLocalStorage<Place>()
const outermost = new WeakMap<object, Place>()

/**
 * Savepoints nest: of two that are open side by side, undoing the first undoes the second as well, whose caller may have
 * its answer already. So calls in one transaction take turns, and only one that is begun inside another runs at once. That is told
 * by the async context: where a callback has lost it, a call from inside waits until the one around it is over.
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

function placeIn(tx: object, around: Place | undefined): Place {
  for (let place = around; place !== undefined; place = place.around) {
    // What was left behind by an effect that is over has no place in it any more.
    if (place.tx === tx && place.open) return place
  }
  const known = outermost.get(tx)
  if (known !== undefined) return known
  const first = newPlace(tx, undefined)
  outermost.set(tx, first)
  return first
}

function newPlace(tx: object, around: Place | undefined): Place {
  return { tx, around, open: true, last: Promise.resolve() }
}
