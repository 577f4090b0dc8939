import type { StoreTraits, TransactionalStore } from '../../core/store.ts'
import { createHandedFences } from '../sql/fences.ts'
import type { SchemaVerbs } from '../sql/schema.ts'
import { createAsking } from './asking.ts'
import { createWithin } from './atomic.ts'
import { createBeside } from './beside.ts'
import type { PgTx } from './client.ts'
import { createLender } from './lender.ts'
import { createListening } from './listening.ts'
import { type PostgresStoreOptions, resolvePostgresOptions } from './options.ts'
import { createOutboxTable } from './outbox-table.ts'
import { createUpkeep } from './partitions.ts'
import { createRecords } from './records.ts'
import { createSchema } from './schema.ts'
import { isPartitioned, namesIn } from './sql/names.ts'
import { createStatements } from './statements.ts'
import { createTransactions } from './transaction.ts'

/**
 * A store in PostgreSQL: durable, transactional, and it wakes waiters. Effects of `once.atomic` write through a `PgTx`.
 */
export interface PostgresStore extends TransactionalStore<PgTx>, SchemaVerbs {}

const TRAITS: StoreTraits = Object.freeze({
  durable: true,
  transactional: true,
  survivesFailover: false,
  selfExpiring: false,
})

/** `clock` replaces the server's: an SQL expression for whole microseconds since 1970. For tests, which do not wait. */
export function createPostgresStore(options: PostgresStoreOptions, clock?: string): PostgresStore {
  const resolved = resolvePostgresOptions(options)
  const { partitions } = resolved
  const names = namesIn(resolved.schema, clock, partitions !== undefined)
  const statements = createStatements(names, partitions?.everyMs)
  const lender = createLender(resolved)
  const schema = createSchema(resolved, lender, names)
  const asking = createAsking(resolved, lender, schema)
  const fences = createHandedFences()
  const listening = createListening(resolved, lender, schema, asking, statements, names)
  const transactions = createTransactions(asking, schema, statements, resolved, listening.wake)
  const records = createRecords(asking, statements, fences, listening.wake, resolved)
  const upkeep = partitions && isPartitioned(names) ? createUpkeep(asking, names, resolved, partitions) : undefined
  let closing: Promise<void> | undefined

  return {
    name: 'postgres',
    traits: TRAITS,
    ...records,
    sweep: upkeep === undefined ? records.sweep : async (limit) => (await upkeep(limit)) + (await records.sweep(limit)),
    watch: listening.watch,
    transaction: (work) => transactions.run(work),
    within: createWithin(transactions, statements, fences, resolved),
    beside: createBeside(asking, fences, names, resolved, listening.wake),
    outbox: createOutboxTable(asking, transactions, statements, resolved.schema, listening.watch),
    ...schema.verbs,
    [Symbol.asyncDispose]() {
      closing ??= (async () => {
        asking.close()
        await listening.close()
        lender.close()
      })()
      return closing
    },
  }
}
