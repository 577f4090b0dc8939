import { hash } from 'node:crypto'
import { checkPrincipal } from '../core/principal.ts'

const READABLE = 200

/**
 * Returns the scope of a key: the engine's scope, the principal and the method. A JSON array, so that parts cannot run
 * into each other, or its digest if it is too long.
 * @throws OnlyonceError OPTION_INVALID when `principal` is empty, or what is left of a missing value
 */
export function scopeOf(engine: string, principal: string, procedure: string): string {
  checkPrincipal(principal, procedure)
  const readable = JSON.stringify([engine, principal, 'rpc', procedure])
  return readable.length <= READABLE ? readable : JSON.stringify([hash('sha256', readable, 'hex'), 'rpc'])
}
