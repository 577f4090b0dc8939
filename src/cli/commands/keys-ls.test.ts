import { expect, it, vi } from 'vitest'
import type { OperationId } from '../../core/record.ts'
import type { ListQuery, Store } from '../../core/store.ts'
import { memoryStore } from '../../stores/memory/index.ts'
import type { Io } from '../io.ts'
import { keysLs } from './keys-ls.ts'

const opened = vi.hoisted(() => ({ store: undefined as unknown }))
vi.mock('../../stores/open.ts', () => ({ openStore: async () => opened.store }))

/** What `keys ls` asks a store for that has more of everything. */
async function limits(selfExpiring: boolean, limit: number): Promise<readonly number[]> {
  const asked: number[] = []
  const store = memoryStore()
  const list = async ({ limit }: ListQuery) => {
    asked.push(limit)
    const record = { id: 'i', key: 'k', scope: 's', state: 'idle', attempt: 1, createdAt: 0, readAt: 0 }
    return { items: Array(limit).fill(record), next: 'i' as OperationId }
  }
  opened.store = { ...store, traits: { ...store.traits, selfExpiring }, find: async () => [], list } as unknown as Store
  const nowhere = { write: () => {} }
  const io = { stdout: nowhere, stderr: nowhere, env: {}, isTTY: {} } as unknown as Io
  await keysLs(io, { store: 'redis://x', limit })
  return asked
}

it('takes small pages of a store with an index', async () => {
  expect(await limits(false, 500)).toEqual([200, 200, 100])
})

it('takes large pages of a store that walks over all its keys for each', async () => {
  expect(await limits(true, 500)).toEqual([500])
  expect(await limits(true, 12_000)).toEqual([10_000, 2_000])
})
