import { OnlyonceError, reasonOf } from '../core/errors.ts'
import { systemRuntime } from '../core/runtime.ts'
import type { Store } from '../core/store.ts'
import { timeLimit } from '../core/time-limit.ts'
import { usage } from './exit.ts'
import type { Io } from './io.ts'

/** The verbs that the command line uses, each answered or refused in time. */
export type StoreAtHand = Pick<Store, 'find' | 'list' | 'complete' | 'release' | 'forget' | 'sweep'>

/** Stores with a schema have this; `openStore` answers them all as `Store`. */
export interface Maintained {
  migrate(options?: { readonly dryRun?: boolean }): Promise<MigrationPlan>
  check(): Promise<SchemaReport>
}

export interface MigrationPlan {
  readonly from: number
  readonly to: number
  readonly statements: readonly string[]
}

export interface SchemaReport {
  readonly version: number
  readonly expected: number
  readonly ok: boolean
  readonly problems: readonly string[]
}

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

export function isMaintained(store: Store): store is Store & Maintained {
  const { migrate, check } = store as Partial<Maintained>
  return typeof migrate === 'function' && typeof check === 'function'
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
  if (!/^sqlite:/i.test(url)) return url
  return `${url}${url.includes('?') ? '&' : '?'}migrate=check`
}
