import type { Connection, Pool, PoolConnection } from 'mysql2/promise'
import { expectTypeOf, test } from 'vitest'
import { onlyonce, type TransactionalStore } from '../../src/index.ts'
import type { MysqlConnection, MysqlPool, MysqlStore, MysqlTx } from '../../src/stores/mysql/index.ts'

test('the real clients fit our structural types, and may be joined as a transaction', () => {
  expectTypeOf<Pool>().toExtend<MysqlPool>()
  expectTypeOf<PoolConnection>().toExtend<MysqlConnection>()
  expectTypeOf<PoolConnection>().toExtend<MysqlTx>()
  expectTypeOf<Connection>().toExtend<MysqlTx>()
})

test('the store is transactional, and atomic effects get its handle', () => {
  expectTypeOf<MysqlStore>().toExtend<TransactionalStore<MysqlTx>>()
  const once = onlyonce({ store: {} as MysqlStore, scope: 'test' })
  expectTypeOf(once.atomic).toBeCallableWith('key', async (tx: MysqlTx) => (await tx.query('SELECT 1'))[0])
})
