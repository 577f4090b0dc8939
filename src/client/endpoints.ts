import { invalidOption } from '../core/option-rules.ts'
import { withoutSecrets } from '../core/without-secrets.ts'

/** Which server each attempt of one call goes to. */
export interface Route {
  readonly url: URL
  /** Moves on to the next endpoint. Returns whether this call has not tried it yet. */
  advance(): boolean
  /** Makes later calls start at this endpoint. */
  keep(): void
}

export interface Endpoints {
  /** @throws OnlyonceError OPTION_INVALID for an invalid URL, one with credentials, or one of another origin */
  resolve(input: string): URL
  route(url: URL): Route
}

/** Origins that serve the same and share one store of keys. Relative URLs go first to the one that answered last. */
export function createEndpoints(origins: readonly string[]): Endpoints {
  let current = 0
  return {
    resolve(input) {
      const base = origins[current]
      const url = parsed(input, base)
      // A caller's credentials must never go to a host that it did not name.
      if (base !== undefined && !origins.includes(url.origin))
        throw invalidOption('endpoints', 'must hold the origin of every call that is not relative', url.origin)
      return url
    },
    route(url) {
      const count = Math.max(origins.length, 1)
      let at = Math.max(origins.indexOf(url.origin), 0)
      let visited = 1
      return {
        get url() {
          const origin = origins[at]
          // As one text: `new URL(path, origin)` would take a path that begins with two slashes for another host.
          return origin === undefined ? url : new URL(origin + url.pathname + url.search + url.hash)
        },
        advance() {
          at = (at + 1) % count
          return ++visited <= count
        },
        keep() {
          current = at
        },
      }
    },
  }
}

function parsed(input: string, base: string | undefined): URL {
  if (!URL.canParse(input, base))
    throw invalidOption('input', 'must be a URL; a relative one needs `endpoints`', withoutSecrets(input))
  const url = new URL(input, base)
  if (url.username !== '' || url.password !== '')
    throw invalidOption('input', 'must not hold a user name or password; send them in a header', url.origin)
  return url
}
