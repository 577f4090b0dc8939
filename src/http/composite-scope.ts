import { hash } from 'node:crypto'
import { checkScope } from '../core/key.ts'

const READABLE = 200
/** Longer principals, such as signed tokens, are no mistake of a developer's, and are hashed anyway. */
const LONG = 255
/** What was worked out lately: most requests of a client go to the same few routes. */
const REMEMBERED = 1_000

/**
 * What an `Idempotency-Key` is unique within: the engine's scope, who asks, and what for. A JSON array, so that no
 * part can reach into the next one; a digest of it where it is too long, or reads like a missing value. The function
 * throws OnlyonceError OPTION_INVALID when the principal is empty, or is what is left of a missing value.
 */
export function createCompositeScope(engine: string): (principal: string, method: string, url: string) => string {
  let known = new Map<string, string>()
  return (principal, method, url) => {
    // A method has no blanks, so that with the length of the principal this is one request and no other.
    const asked = typeof principal === 'string' ? `${principal.length} ${principal}${method} ${url}` : ''
    const before = known.get(asked)
    if (before !== undefined) return before
    const readable = JSON.stringify([engine, principal, method, url])
    if (typeof principal !== 'string' || principal.length <= LONG) checkScope(principal)
    const short = readable.length <= READABLE && isScope(readable)
    const scope = short ? readable : JSON.stringify([engine, hash('sha256', readable, 'hex'), method])
    if (known.size === REMEMBERED) known = new Map()
    known.set(asked, scope)
    return scope
  }
}

function isScope(text: string): boolean {
  try {
    checkScope(text)
    return true
  } catch {
    return false
  }
}
