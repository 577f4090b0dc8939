import { hash } from 'node:crypto'
import { checkScope } from '../core/key.ts'

const READABLE = 200

/**
 * What a key is unique within: the engine's scope, who asks, and the method. A JSON array, so that no part can reach
 * into the next one; a digest of it where it is too long.
 * @throws OnlyonceError OPTION_INVALID when `principal` is empty, or what is left of a missing value
 */
export function scopeOf(engine: string, principal: string, procedure: string): string {
  checkScope(principal)
  const readable = JSON.stringify([engine, principal, 'rpc', procedure])
  return readable.length <= READABLE ? readable : JSON.stringify([hash('sha256', readable, 'hex'), 'rpc'])
}
