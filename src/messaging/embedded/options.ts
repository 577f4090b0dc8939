import { aRuntime, checkEach, invalidOption, oneOf, positive, refuseUnknown } from '../../core/option-rules.ts'
import { type Runtime, systemRuntime } from '../../core/runtime.ts'
import type { SqliteDatabase } from '../../embedded/driver.ts'

interface Shared {
  /**
   * Default: none. The queues that get the messages of each topic. Needed to publish: a topic that is not listed is
   * refused.
   */
  readonly subscriptions?: Readonly<Record<string, readonly string[]>>
  /** Default 30 000. How long `receive` keeps messages from others; `consume` uses the inbox's `visibilityMs`. */
  readonly visibilityMs?: number
  /** Default `'full'`: published messages are on disk. `'normal'`: a power failure, not a crash, may lose the last. */
  readonly durability?: 'full' | 'normal'
  /** Default 10 000. How long a call waits for the file's write lock, without blocking the event loop. */
  readonly busyTimeoutMs?: number
  /** Default `systemRuntime`: its `now` is the queue's clock. */
  readonly runtime?: Runtime
}

/** Options of `embeddedQueue`: either `path` or `database`, and the rest. */
export type EmbeddedQueueOptions = Shared &
  (
    | {
        /** The file, on a local disk; created if missing. Processes that open the same file share its queues. */
        readonly path: string
      }
    | {
        /** A connection of yours: it is not closed, and its settings are not changed. */
        readonly database: SqliteDatabase
      }
  )

export interface ResolvedQueue {
  readonly source: { readonly path: string } | { readonly database: SqliteDatabase }
  readonly label: string
  readonly subscriptions: ReadonlyMap<string, readonly string[]>
  readonly visibilityMs: number
  readonly durability: 'full' | 'normal'
  readonly busyTimeoutMs: number
  readonly runtime: Runtime
}

const KNOWN = ['path', 'database', 'subscriptions', 'visibilityMs', 'durability', 'busyTimeoutMs', 'runtime']

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolveQueue(given: EmbeddedQueueOptions): ResolvedQueue {
  const options = Object(given) as Shared & { readonly path?: unknown; readonly database?: SqliteDatabase }
  refuseUnknown(given, KNOWN)
  const { path, database, visibilityMs = 30_000, busyTimeoutMs = 10_000, durability = 'full' } = options
  const { runtime = systemRuntime } = options
  checkEach(positive, { visibilityMs, busyTimeoutMs })
  checkEach(oneOf('full', 'normal'), { durability })
  checkEach(aRuntime, { runtime })
  const shared = {
    subscriptions: subscriptionsOf(options.subscriptions ?? {}),
    visibilityMs,
    durability,
    busyTimeoutMs,
    runtime,
  }
  if (database !== undefined) {
    if (path !== undefined) throw invalidOption('path', 'cannot be given together with `database`', path)
    if (typeof database?.prepare !== 'function' || typeof database.exec !== 'function')
      throw invalidOption('database', 'must have exec and prepare', database)
    return { ...shared, source: { database }, label: 'FILE' }
  }
  if (typeof path !== 'string' || path.trim() === '' || path.includes('\0') || /^[a-z][a-z0-9+.-]+:/i.test(path))
    throw invalidOption('path', 'is required: the file of the queue, or give `database`', path)
  return { ...shared, source: { path }, label: path }
}

function subscriptionsOf(given: Readonly<Record<string, readonly string[]>>): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>()
  for (const [topic, queues] of Object.entries(given)) {
    if (!Array.isArray(queues)) throw invalidOption(`subscriptions.${topic}`, 'must be a list of queue names', queues)
    for (const queue of queues) checkQueueName(`subscriptions.${topic}`, queue)
    found.set(topic, [...new Set<string>(queues)])
  }
  return found
}

/** @throws OnlyonceError OPTION_INVALID */
export function checkQueueName(option: string, name: unknown): asserts name is string {
  if (typeof name === 'string' && name.trim() !== '' && name.length <= 255 && name.isWellFormed()) return
  throw invalidOption(option, 'must be a queue name of 1 to 255 characters', name)
}
