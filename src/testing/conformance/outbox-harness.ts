import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { OutboxEntry, OutboxMessage, OutboxTable, TransactionalStore } from '../../core/store.ts'
import { bytes, LONG_MS } from './harness.ts'

export function message(change: Partial<OutboxMessage> = {}): OutboxMessage {
  return { id: randomUUID(), topic: 'orders', body: bytes('{}'), headers: {}, ...change }
}

export function append(store: TransactionalStore<unknown>, ...messages: readonly OutboxMessage[]): Promise<void> {
  return store.transaction((tx) => store.outbox.append(tx, messages))
}

/** Returns the waiting messages, as read by the relay `r`, which keeps the lease. */
export async function waiting(outbox: OutboxTable<unknown>, limit = 100): Promise<readonly OutboxEntry[]> {
  const entries = await outbox.take('r', LONG_MS, limit)
  assert.ok(entries !== undefined, 'the relay should have the lease')
  return entries
}

export async function counts({
  outbox,
}: TransactionalStore<unknown>): Promise<readonly [waiting: number, parked: number]> {
  const { waiting, parked } = await outbox.stats()
  return [waiting, parked]
}

export function idsOf(entries: readonly { readonly id: string }[] | undefined): readonly string[] | undefined {
  return entries?.map((entry) => entry.id)
}
