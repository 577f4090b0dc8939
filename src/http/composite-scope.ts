import { hash } from 'node:crypto'
import { checkScope } from '../core/key.ts'
import { checkPrincipal } from '../core/principal.ts'

const READABLE = 200
/** Longer principals, such as signed tokens, are not checked: they are no missing value, and are hashed anyway. */
const LONG = 255
/** Scopes in the cache before it is emptied. Most requests of a client go to the same few routes. */
const REMEMBERED = 1_000

/**
 * Returns a function for the scope of an `Idempotency-Key`: a JSON array of the engine's scope, principal, method and
 * URL, so that no part can run into the next; or, if that is too long or no valid scope, of its digest, the method and,
 * if there is room, the engine's scope. The function throws OnlyonceError OPTION_INVALID when the principal is empty or
 * stands for a missing value.
 */
export function createCompositeScope(engine: string): (principal: string, method: string, url: string) => string {
  let known = new Map<string, string>()
  return (principal, method, url) => {
    // Unambiguous: the length delimits the principal, and a method contains no blanks.
    const asked = typeof principal === 'string' ? `${principal.length} ${principal}${method} ${url}` : ''
    const before = known.get(asked)
    if (before !== undefined) return before
    const readable = JSON.stringify([engine, principal, method, url])
    // Without the query, which may hold private data: this text ends up in an error message.
    if (typeof principal !== 'string' || principal.length <= LONG)
      checkPrincipal(principal, `${method} ${url.replace(/\?.*/s, '')}`)
    const short = readable.length <= READABLE && isScope(readable)
    const scope = short ? readable : shortened(engine, method, readable)
    if (known.size === REMEMBERED) known = new Map()
    known.set(asked, scope)
    return scope
  }
}

function shortened(engine: string, method: string, readable: string): string {
  const digest = hash('sha256', readable, 'hex')
  const named = JSON.stringify([engine, digest, method])
  return isScope(named) ? named : JSON.stringify([digest, method])
}

function isScope(text: string): boolean {
  try {
    checkScope(text)
    return true
  } catch {
    return false
  }
}
