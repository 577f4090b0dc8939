import { operationId } from '../../core/key.ts'
import type { ObservedRecord } from '../../core/record.ts'
import type { ListQuery, Page } from '../../core/store.ts'
import { inTime } from '../in-time.ts'
import { isAboutStore } from './carry-on.ts'
import type { Tell } from './events.ts'
import type { ResolvedCompleter } from './options.ts'

export interface Pages {
  /** Scopes with pages left; all scopes again once every one is finished. */
  scopes(): readonly string[]
  /**
   * Empty for a scope that cannot be listed, which is reported, and once `stopping` aborts.
   * @throws OnlyonceError STORE_UNAVAILABLE, CLOSED
   */
  next(scope: string, stopping: AbortSignal): Promise<readonly ObservedRecord[]>
  /** Whether some scope has pages left. */
  more(): boolean
}

/** A page of a store that expires records by itself is a walk over all its keys, which takes as long as there are many. */
const WALK_WITHIN_MS = 3_600_000

/**
 * Lists the abandoned operations of each scope, page by page. A finished scope waits for the others: if scopes
 * restarted one by one, they would hardly ever all be finished, and the completer would never pause.
 */
export function createPages({ once, handlers, maxPerRound }: ResolvedCompleter, tell: Tell): Pages {
  const { store } = once
  /** For each unfinished scope, the id after which it continues. */
  const ahead = new Map<string, string | undefined>()

  async function listed(query: ListQuery): Promise<Page<ObservedRecord>> {
    if (!store.traits.selfExpiring) return inTime(store, once.options, 'list', store.list(query))
    // A store that is down is told in time, before a walk is waited for.
    await inTime(store, once.options, 'find', store.find([operationId('onlyonce', 'list')]))
    return inTime(store, { ...once.options, storeTimeoutMs: WALK_WITHIN_MS }, 'list', store.list(query))
  }

  return {
    scopes() {
      if (ahead.size === 0) for (const scope of Object.keys(handlers)) ahead.set(scope, undefined)
      return [...ahead.keys()]
    },
    async next(scope, stopping) {
      const after = ahead.get(scope)
      const query = {
        state: 'abandoned' as const,
        scope,
        limit: maxPerRound,
        ...(after === undefined ? {} : { after }),
      }
      try {
        const { items, next } = await unlessStopped(stopping, listed(query), { items: [] })
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

function unlessStopped<T>(stopping: AbortSignal, work: Promise<T>, otherwise: T): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => resolve(otherwise)
    stopping.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => stopping.removeEventListener('abort', stop))
  })
}
