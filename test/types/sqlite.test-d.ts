import type Libsql from 'libsql'
import { expectTypeOf, test } from 'vitest'
import { onlyonce, type TransactionalStore } from '../../src/index.ts'
import type { SqliteDatabase, SqliteStore, SqliteTx } from '../../src/stores/sqlite/index.ts'

type InputValue = null | number | bigint | string | NodeJS.ArrayBufferView

/** As `@types/node` 24 declares `node:sqlite`; the declarations installed here are of Node.js 20. */
interface StatementSync {
  run(...anonymousParameters: InputValue[]): { changes: number | bigint; lastInsertRowid: number | bigint }
  run(named: Record<string, InputValue>, ...anonymousParameters: InputValue[]): { changes: number | bigint }
  get(...anonymousParameters: InputValue[]): Record<string, null | number | bigint | string | Uint8Array> | undefined
  all(...anonymousParameters: InputValue[]): Record<string, null | number | bigint | string | Uint8Array>[]
}
interface DatabaseSync {
  exec(sql: string): void
  prepare(sql: string): StatementSync
  close(): void
}

test('the real clients fit our structural type, and may be joined as a transaction', () => {
  expectTypeOf<Libsql.Database>().toExtend<SqliteDatabase>()
  expectTypeOf<DatabaseSync>().toExtend<SqliteDatabase>()
  expectTypeOf<SqliteDatabase>().toExtend<SqliteTx>()
})

test('the store is transactional, and atomic effects get its handle', () => {
  expectTypeOf<SqliteStore>().toExtend<TransactionalStore<SqliteTx>>()
  const once = onlyonce({ store: {} as SqliteStore, scope: 'test' })
  expectTypeOf(once.atomic).toBeCallableWith('key', async (tx: SqliteTx) => tx.exec('SELECT 1'))
})
