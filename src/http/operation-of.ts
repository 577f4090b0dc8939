import type { Operation } from '../core/once.ts'

/** What a handler may ask about the request it carries out. */
export interface Carried {
  readonly op: Operation
  /** The open transaction, with `atomic: true`. */
  readonly tx?: unknown
}

/** A symbol collides with no other property. A WeakMap of all requests would cost more than the rest of the guard. */
const CARRIED: unique symbol = Symbol('onlyonce.carried')

interface Carrier {
  [CARRIED]?: Carried & { over: boolean }
}

/**
 * Attaches its operation to a request object. Returns a function to call when the exchange is over: the same object
 * may then be passed in again, and is guarded anew.
 */
export function carry(request: object, what: Carried): () => void {
  // Member by member: spreading costs more than the rest of this.
  const carried = { op: what.op, tx: what.tx, over: false }
  const carrier: Carrier = request
  carrier[CARRIED] = carried
  return () => {
    carried.over = true
  }
}

/** Whether a guard handles the request already: a second claim would wait for the first forever. */
export function isCarried(request: object): boolean {
  return (request as Carrier)[CARRIED]?.over === false
}

/** The operation of a request, with its fence, signal, `step` and `child`. `undefined` when it is not guarded. */
export function operationOf(request: object): Operation | undefined {
  return (Object(request) as Carrier)[CARRIED]?.op
}

/** The transaction that will also hold the record of this request. `undefined` without `atomic: true`, or unguarded. */
export function txOf<Tx = unknown>(request: object): Tx | undefined {
  return (Object(request) as Carrier)[CARRIED]?.tx as Tx | undefined
}
