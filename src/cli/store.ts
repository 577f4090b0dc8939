import { OnlyonceError, reasonOf } from '../core/errors.ts'
import { operationId } from '../core/key.ts'
import { systemRuntime } from '../core/runtime.ts'
import { isTransactional, type OutboxTable, type Store } from '../core/store.ts'
import { timeLimit } from '../core/time-limit.ts'
import type { RedisStore } from '../stores/redis/index.ts'
import type { SchemaVerbs } from '../stores/sql/schema.ts'
import { ServerRefused } from '../stores/sql/server-error.ts'
import { usage } from './exit.ts'
import type { Io } from './io.ts'

/** What the command line uses of a store. Every verb has a time limit and throws only OnlyonceError. */
export interface StoreAtHand
  extends Pick<Store, 'name' | 'traits' | 'find' | 'list' | 'complete' | 'release' | 'forget' | 'sweep'> {
  /** For stores with tables. */
  readonly schema?: SchemaVerbs
  /** For stores that can inspect their servers. */
  readonly inspect?: RedisStore['inspect']
  /** For transactional stores. */
  readonly outbox?: Pick<OutboxTable<unknown>, 'stats' | 'parked' | 'unpark'>
}

/** Longer than the stores' own time limits, so that their more helpful errors come first. */
const ANSWER_WITHIN_MS = 15_000
/** For building an index over a large table, and for scanning a whole partition or Redis. */
const LONG_WITHIN_MS = 3_600_000

/** Returns the URL of the flag, else of the environment. @throws CliError without either, and for `memory:` */
export function storeUrl(io: Io, flag: string | undefined): string {
  const url = flag ?? io.env.ONLYONCE_STORE ?? ''
  if (url.trim() === '') {
    throw usage('no store was named: give --store URL or set ONLYONCE_STORE, for example --store sqlite:orders.db')
  }
  if (/^memory:/i.test(url)) {
    throw usage(
      `the memory store lives inside the process that made it, so there is nothing here to look at: ` +
        'name the durable store of your application with --store or ONLYONCE_STORE',
    )
  }
  return url
}

/** Opens the store, lends it to `work`, and closes it. Nothing is created or migrated unless `work` does so. */
export async function withStore<T>(url: string, work: (store: StoreAtHand) => Promise<T>): Promise<T> {
  const { openStore } = await import('../stores/open.ts')
  const store = await inTime('named', 'open', openStore(untouched(url)))
  try {
    return await work(bounded(store))
  } finally {
    // An error of closing must not hide that of the work.
    await inTime(store.name, 'close', Promise.resolve(store[Symbol.asyncDispose]())).catch(() => {})
  }
}

function bounded(store: Store): StoreAtHand {
  const timed = <T>(verb: string, answer: Promise<T>, withinMs?: number) => inTime(store.name, verb, answer, withinMs)
  // For verbs that may take long, or send nothing: a find before them reports a server that is down. Before each one,
  // because a dashboard outlives an outage.
  const afterAnAnswer = async <T>(verb: string, ask: () => Promise<T>): Promise<T> => {
    await timed('find', store.find([operationId('onlyonce', verb)]))
    return timed(verb, ask(), LONG_WITHIN_MS)
  }
  const { inspect } = store as Partial<Pick<RedisStore, 'inspect'>>
  const outbox = isTransactional<unknown>(store) ? store.outbox : undefined
  return {
    name: store.name,
    traits: store.traits,
    find: (ids) => timed('find', store.find(ids)),
    list: (query) => afterAnAnswer('list', () => store.list(query)),
    complete: (completions) => timed('complete', store.complete(completions)),
    release: (leases) => timed('release', store.release(leases)),
    forget: (ids) => timed('forget', store.forget(ids)),
    sweep: (limit) => afterAnAnswer('sweep', () => store.sweep(limit)),
    ...(inspect === undefined ? {} : { inspect: () => timed('inspect', inspect.call(store)) }),
    ...(isMaintained(store) ? { schema: boundedSchema(store, timed) } : {}),
    ...(outbox === undefined ? {} : { outbox: boundedOutbox(outbox, timed) }),
  }
}

type Timed = <T>(verb: string, answer: Promise<T>, withinMs?: number) => Promise<T>

/** `openStore` returns every store as `Store`; this finds those with a schema. */
function isMaintained(store: Store): store is Store & SchemaVerbs {
  return typeof (store as Partial<SchemaVerbs>).migrate === 'function'
}

function boundedSchema(store: SchemaVerbs, timed: Timed): SchemaVerbs {
  return {
    migrations: store.migrations,
    check: () => timed('check', store.check()),
    overdue: () => timed('overdue', store.overdue()),
    async migrate(options) {
      // Reports an unresponsive server early, not only after the time limit of a migration.
      await timed('check', store.check())
      return timed('migrate', store.migrate(options), LONG_WITHIN_MS)
    },
  }
}

function boundedOutbox(outbox: OutboxTable<unknown>, timed: Timed): NonNullable<StoreAtHand['outbox']> {
  return {
    stats: () => timed('stats', outbox.stats()),
    parked: (limit, after) => timed('parked', outbox.parked(limit, after)),
    unpark: (positions) => timed('unpark', outbox.unpark(positions)),
  }
}

async function inTime<T>(name: string, verb: string, answer: Promise<T>, withinMs = ANSWER_WITHIN_MS): Promise<T> {
  try {
    return await timeLimit(systemRuntime, answer, withinMs, () => new Error(`no answer in ${withinMs} ms`))
  } catch (error) {
    if (OnlyonceError.is(error)) throw error
    const reason = reasonOf(error)
    const message =
      error instanceof ServerRefused
        ? `the ${name} store could not \`${verb}\`: ${reason}`
        : `the ${name} store did not answer \`${verb}\` (${reason}): ` +
          'look whether its server is up, and at host, user and password in the URL'
    throw new OnlyonceError('STORE_UNAVAILABLE', message, { cause: error })
  }
}

/** The command line must neither create a file at a mistyped path nor migrate a running application by accident. */
function untouched(url: string): string {
  if (!/^(sqlite|postgres|postgresql|mysql|mariadb):/i.test(url)) return url
  return `${url}${url.includes('?') ? '&' : '?'}migrate=check`
}
