import type { Client, Pool, PoolClient } from 'pg'
import { expectTypeOf, test } from 'vitest'
import { onlyonce, type TransactionalStore } from '../../src/index.ts'
import type { PgClient, PgPool, PgPoolClient, PgTx, PostgresStore } from '../../src/stores/postgres/index.ts'

test('the real clients fit our structural types, and may be joined as a transaction', () => {
  expectTypeOf<Pool>().toExtend<PgPool>()
  expectTypeOf<Client>().toExtend<PgClient>()
  expectTypeOf<PoolClient>().toExtend<PgPoolClient>()
  expectTypeOf<PoolClient>().toExtend<PgTx>()
})

test('the store is transactional, and atomic effects get its handle', () => {
  expectTypeOf<PostgresStore>().toExtend<TransactionalStore<PgTx>>()
  const once = onlyonce({ store: {} as PostgresStore, scope: 'test' })
  expectTypeOf(once.atomic).toBeCallableWith('key', async (tx: PgTx) => (await tx.query('SELECT 1')).rows)
})
