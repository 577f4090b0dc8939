import type { OutboxSettlement, OutboxTable } from '../../core/store.ts'
import { appendInside } from '../sql/joined-append.ts'
import { toEntry, toParked } from '../sql/outbox-entry.ts'
import { toMs } from '../sql/rows.ts'
import type { Asking, Sender } from './asking.ts'
import type { MysqlTx } from './client.ts'
import { roomIn } from './fitting.ts'
import { base64, micros, optionalText, packRows, readableEntry, sizeOf, textField } from './packing.ts'
import { batches } from './portions.ts'
import { explained } from './session.ts'
import type { Statements } from './statements.ts'
import type { Transactions } from './transaction.ts'

/**
 * The outbox table. Positions are assigned when a message is added, not when it commits: of two overlapping
 * transactions either may come first, but messages committed before another transaction adds its own always come before
 * those. No message is skipped, since a relay reads what is in the table and keeps no position.
 */
export function createOutboxTable(
  { ask }: Asking,
  transactions: Transactions,
  statements: Statements,
  database: string,
): OutboxTable<MysqlTx> {
  async function change(verb: string, sql: string, positions: readonly number[]): Promise<number> {
    if (positions.length === 0) return 0
    const rows = [...positions].sort((a, b) => a - b).map((position) => [position])
    return (await ask(verb, (send) => send.write(sql, [packRows(rows)]))).affectedRows
  }

  return {
    async append(tx, messages) {
      if (messages.length === 0) return
      const rows = messages.map(({ id, topic, headers, orderingKey, body }) => {
        const texts = [textField(id), textField(topic), base64(JSON.stringify(headers)), optionalText(orderingKey)]
        return [...texts, base64(body)]
      })
      try {
        const session = transactions.join(tx)
        const portions = [...batches(rows, sizeOf, roomIn(await transactions.maxPacketBytes(tx)))]
        const append = async () => {
          for (const portion of portions) await session.write(statements.append, [packRows(portion)])
        }
        await appendInside(tx, session, append, portions.length === 1)
      } catch (error) {
        throw explained(error, database)
      }
    },
    async take(relay, leaseMs, limit, held = []) {
      const holder = textField(relay)
      const rows = await ask('take from the outbox', async (send) => {
        await send.write(statements.takeLease, [String(micros(leaseMs)), holder, holder])
        return send.rows(statements.waiting(limit), [packRows(held.map((position) => [position])), holder])
      })
      if (rows.length === 0) return undefined
      return rows
        .filter(({ position }) => position !== null)
        .map(readableEntry)
        .map(toEntry)
    },
    async settle(results) {
      if (results.length === 0) return
      const inOrder = [...results].sort((a, b) => a.position - b.position)
      await ask('settle outbox entries', (send) => settle(send, statements, inOrder))
    },
    async leave(relay) {
      await ask('leave the outbox', (send) => send.write(statements.leaveRelay, [textField(relay)]))
    },
    async stats() {
      const [row] = await ask('count the outbox', (send) => send.rows(statements.stats, []))
      return {
        waiting: Number(row?.waiting),
        parked: Number(row?.parked),
        oldestMs: Math.max(toMs(Number(row?.oldest ?? 0)), 0),
      }
    },
    async parked(limit, after) {
      const rows = await ask('read the outbox', (send) => send.rows(statements.parked(limit), [String(after)]))
      return rows.map((row) => toParked(readableEntry(row), toMs(Number(row.age))))
    },
    unpark: (positions) => change('unpark outbox entries', statements.unpark, positions),
    discard: (positions) => change('discard outbox entries', statements.discard, positions),
  }
}

/** Settles in the order of positions, so that two relays cannot deadlock; two statements run in one transaction. */
async function settle(send: Sender, { published, failed }: Statements, results: readonly OutboxSettlement[]) {
  const gone = results.filter(({ kind }) => kind === 'published').map(({ position }) => [position])
  const kept = results.flatMap((one) =>
    one.kind === 'published'
      ? []
      : [[one.position, one.kind === 'parked' ? 1 : 0, textField(one.reason), one.failures]],
  )
  const both = gone.length > 0 && kept.length > 0
  // Refused inside a transaction that somebody has left open, which START TRANSACTION would commit.
  if (both) await send.plain('SET TRANSACTION ISOLATION LEVEL READ COMMITTED')
  if (both) await send.plain('START TRANSACTION')
  try {
    if (gone.length > 0) await send.write(published, [packRows(gone)])
    if (kept.length > 0) await send.write(failed, [packRows(kept)])
    if (both) await send.plain('COMMIT')
  } catch (error) {
    if (both) await send.plain('ROLLBACK').catch(() => {})
    throw error
  }
}
