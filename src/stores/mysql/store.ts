import type { StoreTraits, TransactionalStore } from '../../core/store.ts'
import type { SchemaVerbs } from '../sql/schema.ts'
import { createAsking } from './asking.ts'
import { createWithin } from './atomic.ts'
import type { MysqlTx } from './client.ts'
import { createFloors } from './floors.ts'
import { createLender } from './lender.ts'
import { type MysqlStoreOptions, resolveMysqlOptions } from './options.ts'
import { createOutboxTable } from './outbox-table.ts'
import { createRecords } from './records.ts'
import { createSchema } from './schema.ts'
import { namesIn } from './sql/names.ts'
import { createStatements } from './statements.ts'
import { createTransactions } from './transaction.ts'

/** A store in MySQL or MariaDB: durable and transactional. Effects of `once.atomic` write through a `MysqlTx`. */
export interface MysqlStore extends TransactionalStore<MysqlTx>, SchemaVerbs {}

const TRAITS: StoreTraits = Object.freeze({
  durable: true,
  transactional: true,
  survivesFailover: false,
  selfExpiring: false,
})

/** For tests. `clock`: an SQL expression for whole microseconds since 1970 that replaces the server's clock. */
export function createMysqlStore(options: MysqlStoreOptions, clock?: string): MysqlStore {
  const resolved = resolveMysqlOptions(options)
  const statements = createStatements(namesIn(resolved.database, clock))
  const lender = createLender(resolved)
  const schema = createSchema(resolved, lender)
  const asking = createAsking(resolved, lender, schema)
  const floors = createFloors(resolved.runtime)
  const transactions = createTransactions(asking, schema, statements, floors, resolved)
  let closing: Promise<void> | undefined

  return {
    name: 'mysql',
    traits: TRAITS,
    ...createRecords(asking, statements, floors),
    transaction: (work) => transactions.run(work),
    within: createWithin(transactions, statements, floors, resolved),
    outbox: createOutboxTable(asking, transactions, statements, resolved.database),
    ...schema.verbs,
    [Symbol.asyncDispose]() {
      closing ??= asking.close()
      return closing
    },
  }
}
