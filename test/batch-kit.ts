import { onlyonce } from '../src/core/engine.ts'
import type { Delivery, Verdict } from '../src/messaging/delivery.ts'
import { type BatchInboxOptions, type InboxBatch, inbox } from '../src/messaging/inbox.ts'
import { type SqliteTx, sqliteStore } from '../src/stores/sqlite/index.ts'
import { fakeRuntime } from '../src/testing/fake-runtime.ts'
import { delivery } from './inbox-kit.ts'
import { tidily } from './support/leftovers.ts'

export type Options = BatchInboxOptions<SqliteTx>

/** An inbox that handles batches in the transaction of an SQLite store; it fails for the ids in `bad`. */
export async function shop(given: Partial<Options> = {}, bad: ReadonlySet<string> = new Set()) {
  const runtime = fakeRuntime()
  const store = sqliteStore({ path: ':memory:', runtime })
  await store.transaction(async (tx) => tx.exec('create table effects (id text)'))
  const once = onlyonce({ store, scope: 'shop', runtime })
  tidily(store, (one) => one[Symbol.asyncDispose]())
  tidily(once, (one) => one.close())
  /** The ids that each call of the handler received. */
  const calls: (readonly string[])[] = []
  const options: Options = {
    once,
    name: 'coupons',
    delivers: 'exactly-once-effect',
    batch: { maxSize: 100 },
    backoffMs: 100,
    handle(messages, tx) {
      calls.push(messages.map(({ id }) => id))
      for (const { id } of messages) {
        tx.prepare('insert into effects values (?)').run(id)
        if (bad.has(id)) throw new Error(`cannot handle ${id}`)
      }
    },
    ...given,
  }
  const receive = inbox(options)
  const { batch } = receive
  if (batch === undefined) throw new Error('the inbox has no batches')
  const effects = () =>
    store.transaction(async (tx) =>
      (tx.prepare('select id from effects order by rowid').all() as { id: string }[]).map(({ id }) => id),
    )
  return { runtime, store, once, calls, receive, batch, options, effects }
}

export const several = (count: number, given: (index: number) => Partial<Delivery> = () => ({})) =>
  Array.from({ length: count }, (_, index) => delivery({ id: `m${index}`, ...given(index) }))

export const all = (
  batch: InboxBatch,
  deliveries: readonly Delivery[],
  signal?: AbortSignal,
): Promise<readonly Verdict[]> => Promise.all(batch.receive(deliveries, signal))

export const kinds = (verdicts: readonly Verdict[]) => verdicts.map(({ kind }) => kind)
