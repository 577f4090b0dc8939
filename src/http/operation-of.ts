import type { Operation } from '../core/once.ts'

/** What a handler may ask about the request it carries out. */
export interface Carried {
  readonly op: Operation
  /** The open transaction, with `atomic: true`. */
  readonly tx?: unknown
}

const carried = new WeakMap<object, Carried>()

/** Ties a request to what carries it out, for as long as the request lives. */
export function carry(request: object, what: Carried): void {
  carried.set(request, what)
}

/** The operation behind a request: its fence, its signal, `step` and `child`. `undefined` when the request is not guarded. */
export function operationOf(request: object): Operation | undefined {
  return carried.get(request)?.op
}

/** The transaction that will also hold the record of this request. `undefined` without `atomic: true`, or unguarded. */
export function txOf<Tx = unknown>(request: object): Tx | undefined {
  return carried.get(request)?.tx as Tx | undefined
}
