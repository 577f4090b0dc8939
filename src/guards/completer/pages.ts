import type { ObservedRecord } from '../../core/record.ts'
import { inTime } from '../in-time.ts'
import { isAboutStore } from './carry-on.ts'
import type { Tell } from './events.ts'
import type { ResolvedCompleter } from './options.ts'

export interface Pages {
  /** Those that are not through; all of them once each is. */
  scopes(): readonly string[]
  /** Nothing of a scope that cannot be listed, which is told. @throws OnlyonceError STORE_UNAVAILABLE, CLOSED */
  next(scope: string): Promise<readonly ObservedRecord[]>
  /** Whether there are records behind those that were looked at. */
  more(): boolean
}

/**
 * The abandoned operations of each scope, page by page. A scope that is through waits until the others are: beginning anew
 * one by one they would hardly ever be through all at once, and nobody would pause.
 */
export function createPages({ once, handlers, maxPerRound }: ResolvedCompleter, tell: Tell): Pages {
  const { store } = once
  /** Behind which record each scope goes on that is not through. */
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
