import type { ObservedRecord } from '../../core/record.ts'
import { inTime } from '../in-time.ts'
import { isAboutStore } from './carry-on.ts'
import type { Tell } from './events.ts'
import type { ResolvedCompleter } from './options.ts'

export interface Pages {
  /** Scopes with pages left; all scopes again once every one is finished. */
  scopes(): readonly string[]
  /** Empty for a scope that cannot be listed, which is reported. @throws OnlyonceError STORE_UNAVAILABLE, CLOSED */
  next(scope: string): Promise<readonly ObservedRecord[]>
  /** Whether some scope has pages left. */
  more(): boolean
}

/**
 * Lists the abandoned operations of each scope, page by page. A finished scope waits for the others: if scopes
 * restarted one by one, they would hardly ever all be finished, and the completer would never pause.
 */
export function createPages({ once, handlers, maxPerRound }: ResolvedCompleter, tell: Tell): Pages {
  const { store } = once
  /** For each unfinished scope, the id after which it continues. */
  const ahead = new Map<string, string | undefined>()

  return {
    scopes() {
      if (ahead.size === 0) for (const scope of Object.keys(handlers)) ahead.set(scope, undefined)
      return [...ahead.keys()]
    },
    async next(scope) {
      const after = ahead.get(scope)
      const query = {
        state: 'abandoned' as const,
        scope,
        limit: maxPerRound,
        ...(after === undefined ? {} : { after }),
      }
      try {
        const { items, next } = await inTime(store, once.options, 'list', store.list(query))
        if (next === undefined) ahead.delete(scope)
        else ahead.set(scope, next)
        return items
      } catch (error) {
        if (isAboutStore(error)) throw error
        ahead.delete(scope)
        tell({ type: 'store-failed', scope, error })
        return []
      }
    },
    more: () => ahead.size > 0,
  }
}
