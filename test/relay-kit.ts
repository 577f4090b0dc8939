import type { Publisher, PublishResult } from '../src/core/publisher.ts'
import type { OutboxEntry, OutboxMessage, OutboxTable, TransactionalStore } from '../src/core/store.ts'
import { type RelayEvent, relay } from '../src/outbox/relay.ts'
import { memoryStore } from '../src/stores/memory/index.ts'
import { type FakeRuntime, fakeRuntime } from '../src/testing/fake-runtime.ts'

type Row = OutboxEntry & { parked?: string }

/** The outbox of a store, in memory: what the port promises and no more. */
function outboxInMemory(runtime: FakeRuntime) {
  const rows: Row[] = []
  let position = 0
  let lease = { relay: '', until: 0 }
  let down = false
  const watching = new Set<() => void>()
  const check = () => {
    if (down) throw new Error('store is down')
  }
  const outbox: OutboxTable<unknown> = {
    append: async (_, messages) => {
      for (const one of messages) rows.push({ ...one, position: ++position, failures: 0 })
    },
    take: async (name, leaseMs, limit, held = []) => {
      check()
      if (lease.relay !== name && lease.until > runtime.now()) return undefined
      lease = { relay: name, until: runtime.now() + leaseMs }
      const known = new Set(held)
      return rows.filter(({ parked, position }) => parked === undefined && !known.has(position)).slice(0, limit)
    },
    settle: async (results) => {
      check()
      for (const result of results) {
        const index = rows.findIndex((row) => row.position === result.position)
        if (index < 0) continue
        const row = rows[index] as Row
        if (result.kind === 'published') rows.splice(index, 1)
        else {
          const parked = result.kind === 'parked' ? { parked: result.reason } : {}
          rows[index] = { ...row, failures: Math.max(row.failures, result.failures), ...parked }
        }
      }
    },
    leave: async (name) => {
      if (lease.relay === name) lease = { relay: '', until: 0 }
    },
    stats: async () => {
      const parked = rows.filter((row) => row.parked !== undefined).length
      return { waiting: rows.length - parked, parked, oldestMs: 0 }
    },
    parked: () => Promise.reject(new Error('not here')),
    unpark: () => Promise.reject(new Error('not here')),
    discard: () => Promise.reject(new Error('not here')),
    watch: (wake) => {
      watching.add(wake)
      return () => void watching.delete(wake)
    },
  }
  const base = memoryStore({ runtime })
  const store = {
    ...base,
    traits: { ...base.traits, transactional: true },
    transaction: () => Promise.reject(new Error('not here')),
    within: () => {
      throw new Error('not here')
    },
    outbox,
  } as unknown as TransactionalStore<unknown>
  const message = (id: string, orderingKey?: string): OutboxMessage => ({
    id,
    topic: 'orders',
    body: new Uint8Array([1]),
    headers: {},
    ...(orderingKey === undefined ? {} : { orderingKey }),
  })
  return {
    store,
    rows,
    watching,
    /** As a store does that can notify. */
    notify: () => {
      for (const wake of [...watching]) wake()
    },
    add: (...messages: readonly (string | [id: string, orderingKey: string])[]) =>
      outbox.append(
        undefined,
        messages.map((one) => (typeof one === 'string' ? message(one) : message(...one))),
      ),
    setDown: (value: boolean) => {
      down = value
    },
    steal: () => {
      lease = { relay: 'thief', until: runtime.now() + 60_000 }
    },
  }
}

/** A relay over that outbox, and a broker that answers as scripted. */
export function setup(
  answer: (message: OutboxMessage, call: number) => PublishResult | 'throw' | 'silence' = () => ({ ok: true }),
) {
  const runtime = fakeRuntime()
  const table = outboxInMemory(runtime)
  const calls: string[][] = []
  const publish: Publisher = async (batch) => {
    const call = calls.push(batch.map(({ id }) => id))
    const answers = batch.map((one) => answer(one, call))
    if (answers.includes('throw')) throw new Error('broker gone')
    if (answers.includes('silence')) return new Promise(() => {})
    return answers as PublishResult[]
  }
  const events: RelayEvent[] = []
  const make = (options: Partial<Parameters<typeof relay>[0]> = {}) =>
    relay({ store: table.store, publish, runtime, onEvent: (event) => events.push(event), ...options })
  return { ...table, runtime, calls, events, make, publish }
}
