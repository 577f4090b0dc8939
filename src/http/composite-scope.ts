import { hash } from 'node:crypto'
import { checkScope } from '../core/key.ts'

const READABLE = 200

/**
 * What an `Idempotency-Key` is unique within: the engine's scope, who asks, and what for. A JSON array, so that no
 * part can reach into the next one; a digest of it where it is too long, or reads like a missing value.
 * @throws OnlyonceError OPTION_INVALID when `principal` is empty, or is what is left of a missing value
 */
export function compositeScope(engine: string, principal: string, method: string, url: string): string {
  checkScope(principal)
  const readable = JSON.stringify([engine, principal, method, url])
  if (readable.length <= READABLE && isScope(readable)) return readable
  return JSON.stringify([engine, hash('sha256', readable, 'hex'), method])
}

function isScope(text: string): boolean {
  try {
    checkScope(text)
    return true
  } catch {
    return false
  }
}
