import { type SQL, sql } from 'drizzle-orm'
import type { MySqlTransaction } from 'drizzle-orm/mysql-core'
import type { MySql2PreparedQueryHKT, MySql2QueryResultHKT } from 'drizzle-orm/mysql2'
import type { NodePgQueryResultHKT } from 'drizzle-orm/node-postgres'
import type { PgTransaction } from 'drizzle-orm/pg-core'
import type { PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js'
import type { Knex } from 'knex'
import type { ControlledTransaction, Kysely, Transaction } from 'kysely'
import type { PoolConnection } from 'mysql2/promise'
import type { PoolClient } from 'pg'
import type { ReservedSql, TransactionSql } from 'postgres'
import type { EntityManager } from 'typeorm'
import { expectTypeOf, test } from 'vitest'
import {
  type DrizzleMysqlTransaction,
  type DrizzleSql,
  type DrizzleTransaction,
  fromDrizzle,
  fromDrizzleMysql,
  fromKnex,
  fromKnexMysql,
  fromKysely,
  fromKyselyMysql,
  fromPostgresJs,
  fromTypeOrm,
  fromTypeOrmMysql,
  type KnexMysqlTransaction,
  type KnexTransaction,
  type KyselyTransaction,
  type MysqlExecutor,
  type PostgresJsSql,
  type SqlExecutor,
  type TypeOrmManager,
} from '../../src/executors/index.ts'
import type { MysqlTx } from '../../src/stores/mysql/index.ts'
import type { PgTx } from '../../src/stores/postgres/index.ts'

type MysqlTransactionOfDrizzle = MySqlTransaction<MySql2QueryResultHKT, MySql2PreparedQueryHKT>

interface Tables {
  readonly orders: { readonly id: string }
}

test('the real transactions fit our structural types', () => {
  expectTypeOf<Transaction<Tables>>().toExtend<KyselyTransaction>()
  expectTypeOf<ControlledTransaction<Tables>>().toExtend<KyselyTransaction>()
  expectTypeOf<Knex.Transaction>().toExtend<KnexTransaction>()
  expectTypeOf<Knex.Transaction>().toExtend<KnexMysqlTransaction>()
  expectTypeOf<EntityManager>().toExtend<TypeOrmManager>()
  expectTypeOf<TransactionSql>().toExtend<PostgresJsSql>()
  expectTypeOf<ReservedSql>().toExtend<PostgresJsSql>()
  expectTypeOf<PgTransaction<NodePgQueryResultHKT>>().toExtend<DrizzleTransaction<SQL>>()
  expectTypeOf<PgTransaction<PostgresJsQueryResultHKT>>().toExtend<DrizzleTransaction<SQL>>()
  expectTypeOf<MysqlTransactionOfDrizzle>().toExtend<DrizzleMysqlTransaction<SQL>>()
  expectTypeOf<typeof sql>().toExtend<DrizzleSql<SQL>>()
})

test('what they give is what the PostgreSQL store joins', () => {
  expectTypeOf<SqlExecutor>().toExtend<PgTx>()
  // The connection itself passes as it is.
  expectTypeOf<PoolClient>().toExtend<SqlExecutor>()
  expectTypeOf(fromKysely).toBeCallableWith({} as Transaction<Tables>)
  expectTypeOf(fromKnex).toBeCallableWith({} as Knex.Transaction)
  expectTypeOf(fromTypeOrm).toBeCallableWith({} as EntityManager)
  expectTypeOf(fromPostgresJs).toBeCallableWith({} as TransactionSql)
  expectTypeOf(fromDrizzle({} as PgTransaction<NodePgQueryResultHKT>, sql)).toEqualTypeOf<SqlExecutor>()
})

test('what the others give is what the MySQL store joins, and neither store joins what is meant for the other', () => {
  expectTypeOf<MysqlExecutor>().toExtend<MysqlTx>()
  expectTypeOf<PoolConnection>().toExtend<MysqlExecutor>()
  expectTypeOf<MysqlExecutor>().not.toExtend<PgTx>()
  expectTypeOf<SqlExecutor>().not.toExtend<MysqlTx>()
  expectTypeOf(fromKyselyMysql).toBeCallableWith({} as Transaction<Tables>)
  expectTypeOf(fromKnexMysql).toBeCallableWith({} as Knex.Transaction)
  expectTypeOf(fromTypeOrmMysql).toBeCallableWith({} as EntityManager)
  expectTypeOf(fromDrizzleMysql({} as MysqlTransactionOfDrizzle, sql)).toEqualTypeOf<MysqlExecutor>()
})

test('a database outside a transaction is refused where its type tells', () => {
  expectTypeOf<Kysely<Tables>>().not.toExtend<KyselyTransaction>()
  expectTypeOf<Knex>().not.toExtend<KnexTransaction>()
})
