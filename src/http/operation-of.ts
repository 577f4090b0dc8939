import type { Operation } from '../core/once.ts'

/** What a handler may ask about the request it carries out. */
export interface Carried {
  readonly op: Operation
  /** The open transaction, with `atomic: true`. */
  readonly tx?: unknown
}

/** A property that nobody meets by accident. A WeakMap of all requests would cost more than the rest of the guard. */
const CARRIED: unique symbol = Symbol('onlyonce.carried')

interface Carrier {
  [CARRIED]?: Carried & { over: boolean }
}

/**
 * Ties a request to what carries it out, for as long as the request lives. Answers a function to call when its exchange is
 * over: whoever hands the same request in again asks anew.
 */
export function carry(request: object, what: Carried): () => void {
  const carried = { ...what, over: false }
  const carrier: Carrier = request
  carrier[CARRIED] = carried
  return () => {
    carried.over = true
  }
}

/** Whether a guard holds the request already; a second claim of it would wait for the first for ever. */
export function isCarried(request: object): boolean {
  return (request as Carrier)[CARRIED]?.over === false
}

/** The operation behind a request: its fence, its signal, `step` and `child`. `undefined` when the request is not guarded. */
export function operationOf(request: object): Operation | undefined {
  return (request as Carrier)[CARRIED]?.op
}

/** The transaction that will also hold the record of this request. `undefined` without `atomic: true`, or unguarded. */
export function txOf<Tx = unknown>(request: object): Tx | undefined {
  return (request as Carrier)[CARRIED]?.tx as Tx | undefined
}
