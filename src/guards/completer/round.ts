import { isAbandoned } from '../../core/lifecycle.ts'
import type { ObservedRecord } from '../../core/record.ts'
import { inTime } from '../in-time.ts'
import { carryOn, isAboutStore, type NamedRecord, park } from './carry-on.ts'
import { leftAloneMs } from './due.ts'
import type { Tell } from './events.ts'
import type { CompleterHandler, ResolvedCompleter } from './options.ts'
import { createPages } from './pages.ts'

/** Counts of one round. */
export interface RoundReport {
  /** Abandoned operations that were looked at. */
  readonly seen: number
  readonly completed: number
  readonly failed: number
  readonly givenUp: number
  /** Whether there are more records than this round has seen; `false` when the completer was stopped. */
  readonly more: boolean
}

/** Limit of `left`; after it, events are repeated, which is harmless. A process that runs for years must not grow. */
const MOST_LEFT = 10_000

type Ended = 'completed' | 'failed' | 'givenUp' | 'none'

/**
 * Returns the function that runs a round over the abandoned operations. Each round handles one page of each scope and
 * continues where the previous one stopped, so that operations that keep failing never block those after them.
 */
export function createRounds(options: ResolvedCompleter, tell: Tell): (stopping: AbortSignal) => Promise<RoundReport> {
  const { once, handlers, concurrency, maxStarts, onGivenUp, call } = options
  const { store } = once
  const { runtime } = once.options
  const pages = createPages(options, tell)
  /** Fences of operations that were reported and left as they are, so that they are not reported again. */
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

  /** As `attend`, but reports an error about this operation only. @throws OnlyonceError STORE_UNAVAILABLE, CLOSED */
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

  /** Finds out why a record is unreadable. Uses `find`, because a claim might be granted. @throws as `attended` */
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
      const page = await pages.next(scope, stopping)
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
    return { seen, completed, failed, givenUp, more: !stopping.aborted && pages.more() }
  }
}

/** Whether a listed record is unreadable: a store lists such a record as unknown, whatever state was asked for. */
function isUnread(record: ObservedRecord): boolean {
  return !isAbandoned(record, record.readAt)
}

/** False for records without names, written under `keys: 'hashed'`, which cannot be carried on. */
function isNamed(record: ObservedRecord): record is NamedRecord {
  return record.scope !== undefined && record.key !== undefined
}
