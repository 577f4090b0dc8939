import { isAbandoned } from '../../core/lifecycle.ts'
import type { ObservedRecord } from '../../core/record.ts'
import { inTime } from '../in-time.ts'
import { carryOn, isAboutStore, type NamedRecord, park } from './carry-on.ts'
import { leftAloneMs } from './due.ts'
import type { Tell } from './events.ts'
import type { CompleterHandler, ResolvedCompleter } from './options.ts'
import { createPages } from './pages.ts'

/** What one round came to. */
export interface RoundReport {
  /** Abandoned operations that were looked at. */
  readonly seen: number
  readonly completed: number
  readonly failed: number
  readonly givenUp: number
  /** Whether there are records behind those that were looked at. */
  readonly more: boolean
}

/** Beyond it they are told again: that costs a word, and a process that runs for years must not grow. */
const MOST_LEFT = 10_000

type Ended = 'completed' | 'failed' | 'givenUp' | 'none'

/**
 * Rounds over the abandoned operations of the given scopes. Each looks at one page of each scope, from where the one
 * before stopped, so that operations that keep failing never stand in the way of those behind them.
 */
export function createRounds(options: ResolvedCompleter, tell: Tell): (stopping: AbortSignal) => Promise<RoundReport> {
  const { once, handlers, concurrency, maxStarts, onGivenUp, call } = options
  const { store } = once
  const { runtime } = once.options
  const pages = createPages(options, tell)
  /** Which were told and stayed as they are, by the claim they were seen with. */
  const left = new Map<string, number>()

  function leave({ id, fence }: ObservedRecord): void {
    if (left.size >= MOST_LEFT) left.clear()
    left.set(id, fence)
  }

  async function giveUp(record: NamedRecord): Promise<Ended> {
    const { id, fence, scope, key, starts } = record
    if (left.get(id) === fence) return 'none'
    const held = onGivenUp === 'hold' && (await park(once, record, call))
    if (onGivenUp === 'hold' && !held) return 'none'
    if (!held) leave(record)
    tell({ type: 'given-up', scope, key, starts, held })
    return 'givenUp'
  }

  async function attend(record: NamedRecord, handler: CompleterHandler): Promise<Ended> {
    if (record.starts >= maxStarts) return giveUp(record)
    const { scope, key } = record
    const startedAt = runtime.elapsed()
    const { kind, ...rest } = await carryOn(once, record, handler, call)
    const tookMs = runtime.elapsed() - startedAt
    tell({ type: kind, scope, key, ...rest, ...(kind === 'completed' ? { tookMs } : {}) } as Parameters<Tell>[0])
    return kind === 'completed' || kind === 'failed' ? kind : 'none'
  }

  /** An error here is about one operation, unless it is about the store. @throws OnlyonceError STORE_UNAVAILABLE, CLOSED */
  async function attended(record: NamedRecord, handler: CompleterHandler): Promise<Ended> {
    try {
      return await attend(record, handler)
    } catch (error) {
      if (isAboutStore(error)) throw error
      const { scope, key, starts } = record
      tell({ type: 'failed', scope, key, error, starts, final: false })
      return 'failed'
    }
  }

  /** Asked for by itself it says why. Not claimed: that may be granted, to nobody who can use it. @throws as `attended` */
  async function unread(scope: string, record: ObservedRecord): Promise<Ended> {
    const { id, fence, key, starts } = record
    if (left.get(id) === fence) return 'none'
    try {
      await inTime(store, once.options, 'find', store.find([id]))
      return 'none'
    } catch (error) {
      if (isAboutStore(error)) throw error
      leave(record)
      if (key === undefined) tell({ type: 'store-failed', scope, error })
      else tell({ type: 'failed', scope, key, error, starts, final: false })
      return 'failed'
    }
  }

  return async (stopping) => {
    const counts = { completed: 0, failed: 0, givenUp: 0, none: 0 }
    let seen = 0
    let broken: { readonly error: unknown } | undefined
    for (const scope of pages.scopes()) {
      if (stopping.aborted) break
      const page = await pages.next(scope)
      seen += page.length
      const waiting = page.values()
      const handler = handlers[scope] as CompleterHandler
      const worker = async () => {
        for (const record of waiting) {
          if (stopping.aborted || broken !== undefined) return
          try {
            if (isUnread(record)) counts[await unread(scope, record)]++
            else if (isNamed(record) && leftAloneMs(record, options) === 0) counts[await attended(record, handler)]++
          } catch (error) {
            broken ??= { error }
          }
        }
      }
      await Promise.all(Array.from({ length: Math.min(concurrency, page.length) }, worker))
      const failure = broken as { readonly error: unknown } | undefined
      if (failure !== undefined) throw failure.error
    }
    const { completed, failed, givenUp } = counts
    return { seen, completed, failed, givenUp, more: pages.more() }
  }
}

/** What a store cannot read it lists as what waits for a person, whatever was asked for. */
function isUnread(record: ObservedRecord): boolean {
  return !isAbandoned(record, record.readAt)
}

/** Others of the scope, written under `keys: 'hashed'` by another engine, cannot be told apart. */
function isNamed(record: ObservedRecord): record is NamedRecord {
  return record.scope !== undefined && record.key !== undefined
}
