import type { OutboxSettlement, OutboxTable, Store } from '../../core/store.ts'
import { packText } from '../../core/stored-text.ts'
import { appendInside } from '../sql/joined-append.ts'
import { toEntry, toParked } from '../sql/outbox-entry.ts'
import { toMs } from '../sql/rows.ts'
import type { Asking } from './asking.ts'
import type { PgTx } from './client.ts'
import { joinBytes, plainArray, rawArray, textArray } from './literals.ts'
import { micros } from './records.ts'
import { explained } from './session.ts'
import { OUTBOX_WAITER } from './sql/outbox.ts'
import type { Statements } from './statements.ts'
import type { Transactions } from './transaction.ts'

const SETTLED: readonly OutboxSettlement['kind'][] = ['published', 'failed', 'parked']

/**
 * The outbox beside the records. Positions are assigned when a message is added, not when it commits: messages of two
 * overlapping transactions may come in either order, but those committed before another transaction began to add come
 * first. No message is skipped, because a relay reads what is there instead of remembering a position.
 */
export function createOutboxTable(
  { ask }: Asking,
  transactions: Transactions,
  statements: Statements,
  schema: string,
  watch: NonNullable<Store['watch']>,
): OutboxTable<PgTx> {
  return {
    async append(tx, messages) {
      if (messages.length === 0) return
      const session = transactions.join(tx)
      const { bytes, lengths } = joinBytes(messages.map(({ body }) => body))
      let start = 1
      const starts = messages.map(({ body }) => {
        const here = start
        start += body.length
        return here
      })
      try {
        const values = [
          textArray(messages.map(({ id }) => id)),
          textArray(messages.map(({ topic }) => topic)),
          rawArray(messages.map(({ headers }) => JSON.stringify(headers))),
          textArray(messages.map(({ orderingKey }) => orderingKey)),
          bytes,
          plainArray(starts),
          lengths,
        ]
        await appendInside(tx, session, () => session.run(statements.append, values))
      } catch (error) {
        throw explained(error, schema)
      }
    },
    async take(relay, leaseMs, limit, held = []) {
      const rows = await ask('take from the outbox', statements.take, [
        packText(relay),
        String(micros(leaseMs)),
        String(limit),
        plainArray(held),
      ])
      if (rows.length === 0) return undefined
      return rows.filter(({ position }) => position !== null).map(toEntry)
    },
    async settle(results) {
      if (results.length === 0) return
      const positions = plainArray(results.map(({ position }) => position))
      if (results.every(({ kind }) => kind === 'published')) {
        await ask('settle outbox entries', statements.settlePublished, [positions])
        return
      }
      await ask('settle outbox entries', statements.settle, [
        positions,
        plainArray(results.map(({ kind }) => SETTLED.indexOf(kind))),
        textArray(results.map((one) => (one.kind === 'published' ? undefined : one.reason))),
        plainArray(results.map((one) => (one.kind === 'published' ? 0 : one.failures))),
      ])
    },
    async leave(relay) {
      await ask('leave the outbox', statements.leaveRelay, [packText(relay)])
    },
    async stats() {
      const [row] = await ask('count the outbox', statements.stats, [])
      return {
        waiting: Number(row?.waiting),
        parked: Number(row?.parked),
        oldestMs: Math.max(toMs(Number(row?.oldest ?? 0)), 0),
      }
    },
    async parked(limit, after) {
      const rows = await ask('read the outbox', statements.parked, [String(limit), String(after)])
      return rows.map((row) => toParked(row, toMs(Number(row.age))))
    },
    watch: (wake) => watch(OUTBOX_WAITER, wake),
    async unpark(positions) {
      return (await ask('unpark outbox entries', statements.unpark, [plainArray(positions)])).length
    },
    async discard(positions) {
      return (await ask('discard outbox entries', statements.discard, [plainArray(positions)])).length
    },
  }
}
