import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConsumerEvent } from '../../src/messaging/consumer.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { tidily } from '../support/leftovers.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { engineOn, record, storeAt } from './ledger-store.ts'

/** A ledger of effects in the store of the consumers, closed by `keep`: after the test unless told otherwise. */
export async function openLedger(more: { readonly retentionMs?: number } = {}, keep = tidily) {
  const directory = keep(mkdtempSync(join(tmpdir(), 'onlyonce-ledger-')), (path) => rmSync(path, { recursive: true }))
  const path = join(directory, 'ledger.db')
  const store = keep(storeAt(path), (one) => one[Symbol.asyncDispose]())
  await store.transaction(async (tx) => tx.exec('CREATE TABLE effects (id TEXT)'))
  const effects = (): Promise<readonly string[]> =>
    store.transaction(async (tx) => {
      const rows = tx.prepare('SELECT id FROM effects ORDER BY rowid').all() as { id: string }[]
      return rows.map(({ id }) => id)
    })
  return { store, once: engineOn(store, more), path, directory, effects }
}

/** `count` ids that sort as they are numbered. */
export const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i + 100}`)

/** Waits until so many are settled, and answers `id verdict` of each. */
export async function settledBy(count: number, start: (onEvent: (event: ConsumerEvent) => void) => void) {
  const settled: string[] = []
  start((event) => {
    if (event.type === 'settled') settled.push(`${event.delivery.id} ${event.verdict.kind}`)
  })
  await until(`${count} are settled`, () => settled.length >= count, 60_000)
  return settled
}

/** Writes each message down after a moment, but fails the first time for those whose id ends in 4. */
export function stumbling() {
  const failed = new Set<string>()
  return async ({ id }: { readonly id: string }, tx: SqliteTx) => {
    await sleepMs(Math.random() * 10)
    if (id.endsWith('4') && !failed.has(id)) {
      failed.add(id)
      throw new Error('the first time')
    }
    record(id, tx)
  }
}
