import { OnlyonceError, reasonOf } from '../core/errors.ts'
import { systemRuntime } from '../core/runtime.ts'
import type { Store } from '../core/store.ts'
import { timeLimit } from '../core/time-limit.ts'
import type { SchemaVerbs } from '../stores/sql/schema.ts'
import { usage } from './exit.ts'
import type { Io } from './io.ts'

/** The verbs that the command line uses, each answered or refused in time. */
export type StoreAtHand = Pick<Store, 'find' | 'list' | 'complete' | 'release' | 'forget' | 'sweep'>

/** Above what a store waits for by itself, so that its own, better message comes first. */
const ANSWER_WITHIN_MS = 15_000

/** The flag wins over the environment. @throws CliError when neither is given */
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
export async function withStore<T>(url: string, work: (store: StoreAtHand, whole: Store) => Promise<T>): Promise<T> {
  const { openStore } = await import('../stores/open.ts')
  const store = await inTime('open', openStore(untouched(url)))
  try {
    return await work(bounded(store), store)
  } finally {
    await store[Symbol.asyncDispose]()
  }
}

/** `openStore` answers every store as `Store`; those with a schema can do more. */
export function isMaintained(store: Store): store is Store & SchemaVerbs {
  return typeof (store as Partial<SchemaVerbs>).migrate === 'function'
}

function bounded(store: Store): StoreAtHand {
  return {
    find: (ids) => inTime('find', store.find(ids)),
    list: (query) => inTime('list', store.list(query)),
    complete: (completions) => inTime('complete', store.complete(completions)),
    release: (leases) => inTime('release', store.release(leases)),
    forget: (ids) => inTime('forget', store.forget(ids)),
    sweep: (limit) => inTime('sweep', store.sweep(limit)),
  }
}

async function inTime<T>(verb: string, answer: Promise<T>): Promise<T> {
  try {
    return await timeLimit(
      systemRuntime,
      answer,
      ANSWER_WITHIN_MS,
      () => new Error(`no answer in ${ANSWER_WITHIN_MS} ms`),
    )
  } catch (error) {
    if (OnlyonceError.is(error)) throw error
    throw new OnlyonceError('STORE_UNAVAILABLE', `the store did not ${verb} (${reasonOf(error)})`, { cause: error })
  }
}

/** An operator's look must neither create a file at a mistyped path nor upgrade the tables of a running application. */
function untouched(url: string): string {
  if (!/^(sqlite|postgres|postgresql|mysql|mariadb):/i.test(url)) return url
  return `${url}${url.includes('?') ? '&' : '?'}migrate=check`
}
