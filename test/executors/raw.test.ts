import { Kysely, MysqlDialect, PostgresDialect } from 'kysely'
import mysql from 'mysql2'
import pg from 'pg'
import { DataSource } from 'typeorm'
import { describe, expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { tidily } from '../support/leftovers.ts'
import { refusal } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'
import { onMysql } from './on-mysql.ts'
import { onPostgres } from './on-postgres.ts'

type Raw = (tx: object) => Promise<unknown>

describe.each([onPostgres, onMysql])('the transaction of a library that no executor has adapted ($kind)', (server) => {
  describeWith(server.kind, (url) => {
    it.each<readonly [string, (url: string) => Promise<(work: Raw) => Promise<unknown>>]>([
      [
        'typeorm',
        async (url) => {
          const type = server === onPostgres ? 'postgres' : 'mariadb'
          const source = tidily(await new DataSource({ type, url }).initialize(), (it) => it.destroy())
          return (work) => source.transaction((manager) => work(manager))
        },
      ],
      [
        'kysely',
        async (url) => {
          const dialect =
            server === onPostgres
              ? new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) })
              : new MysqlDialect({ pool: mysql.createPool(url) })
          const database = tidily(new Kysely({ dialect }), (it) => it.destroy())
          return (work) => database.transaction().execute((trx) => work(trx))
        },
      ],
    ])('is refused, and goes on without the claim: %s', async (_, open) => {
      const world = tidily(await server.world(url), (it) => it.close())
      await world.store.migrate()
      const transaction = await open(world.url)
      const once = onlyonce({ store: world.store as never, scope: 'test' })
      let ran = 0
      await transaction(async (tx) => {
        const { code, message } = await refusal((once as never as Atomic).atomic('key', () => ++ran, { tx }))
        expect([code, message]).toEqual(['OPTION_INVALID', expect.stringContaining('`onlyonce/executors`')])
      })
      expect([ran, await once.find('key')]).toEqual([0, undefined])
    })
  })
})

interface Atomic {
  atomic(key: string, effect: () => unknown, options: { readonly tx: object }): Promise<unknown>
}
