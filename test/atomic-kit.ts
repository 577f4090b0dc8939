import { onlyonce } from '../src/core/engine.ts'
import type { OnceEvent } from '../src/core/events.ts'
import type { EngineOptions } from '../src/core/options.ts'
import { type SqliteTx, sqliteStore } from '../src/stores/sqlite/index.ts'
import { fakeRuntime } from '../src/testing/fake-runtime.ts'
import { type FaultPlan, faultyStore } from '../src/testing/faulty-store.ts'

/** An engine on an SQLite database in memory under virtual time, with a table that effects write to. */
export async function setup(given: Partial<EngineOptions> = {}, plan: FaultPlan = {}) {
  const runtime = fakeRuntime()
  const store = sqliteStore({ path: ':memory:', runtime })
  await store.transaction(async (tx) => tx.exec('create table effects (key text, n integer)'))
  const events: OnceEvent[] = []
  const open = (more: Partial<EngineOptions> = {}, faults: FaultPlan = {}) => {
    const once = onlyonce({
      store: faultyStore(store, faults, { runtime }),
      scope: 'test',
      leaseMs: 3_000,
      storeTimeoutMs: 1_000,
      runtime,
      ...(given as object),
      ...(more as object),
    })
    once.on((event) => events.push(event))
    return once
  }
  const count = (key: string) =>
    store.transaction(
      async (tx) => (tx.prepare('select count(*) as n from effects where key = ?').get(key) as { n: number }).n,
    )
  return { runtime, store, events, open, count, once: open({}, plan) }
}

export const insert = (key: string) => (tx: SqliteTx) => {
  tx.prepare('insert into effects values (?, 1)').run(key)
  return { key }
}
