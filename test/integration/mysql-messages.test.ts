import knex from 'knex'
import { beforeEach, expect, it } from 'vitest'
import { fromKnexMysql } from '../../src/executors/index.ts'
import { onlyonce } from '../../src/index.ts'
import { request } from '../support/claims.ts'
import { later, tidily } from '../support/leftovers.ts'
import { type TestDatabase, testDatabase } from '../support/mysql.ts'
import { failure, refusal } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'

const SECRET = 'SECRET-42'

/** Knex writes the statement with its values before the message of the server. */
describeWith('mysql', (url) => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await testDatabase(url)
    later(() => database.close())
    await database.store().migrate()
  })

  /** What a message holds, also of what was in base64. */
  const readable = (text: string) =>
    text.replaceAll(/'([\w+/=]{4,})'/g, (_, packed: string) => Buffer.from(packed, 'base64').toString())

  it.each([
    ['through the executor', fromKnexMysql],
    [
      'of an adapter of their own',
      (trx: Parameters<typeof fromKnexMysql>[0]) => {
        // biome-ignore lint/suspicious/noExplicitAny: what Knex takes as a value is a type of its own
        const ask = async (sql: string, values: any[] = []) => trx.raw(sql, values)
        return { query: ask, execute: ask }
      },
    ],
  ])('a refused statement of Knex tells neither key nor result (%s)', async (_, adapted) => {
    await database.sql(
      "CREATE TRIGGER no BEFORE UPDATE ON onlyonce_operations FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'disk quota'",
    )
    const db = tidily(knex({ client: 'mysql2', connection: database.url }), (it) => it.destroy())
    const once = onlyonce({ store: database.store(), scope: 'test' })
    const error = await refusal(
      db.transaction((trx) => once.atomic('card:4111', () => ({ token: SECRET }), { tx: adapted(trx) })),
    )
    expect([error.code, error.message]).toEqual(['STORE_UNAVAILABLE', expect.stringContaining('(disk quota)')])
    expect(readable(error.message)).not.toMatch(/SECRET-42|4111|UPDATE/)
    if (adapted !== fromKnexMysql) return
    for (
      let at = error as { cause?: unknown; message?: string; stack?: string };
      at !== undefined;
      at = at.cause as never
    )
      expect(readable(`${at.message} ${at.stack}`)).not.toMatch(/SECRET-42|4111|UPDATE `/)
  })

  it('a connection that Knex loses while a result is written tells neither key nor result', async () => {
    const db = tidily(knex({ client: 'mysql2', connection: database.url }), (it) => it.destroy())
    const trx = await db.transaction()
    later(() => trx.rollback().catch(() => {}))
    const tx = fromKnexMysql(trx)
    const [[{ id }]] = await tx.query('SELECT CONNECTION_ID() AS id')
    const claims = database.store().within(tx)
    await database.sql(`KILL ${id}`)
    const error = await failure(claims.claim(request('card:4111')))
    expect(error.message).toMatch(/^the MySQL server did not answer/)
    expect(readable(`${error.message} ${error.cause}`)).not.toMatch(/4111|SAVEPOINT|INSERT/)
    const completion = { lease: { id: 'a'.repeat(32), owner: 'one', fence: 1 }, retentionMs: 1_000 }
    const body = Buffer.from(SECRET)
    const late = await failure(claims.complete({ ...completion, result: { kind: 'value', body } }))
    expect(late.message).toMatch(/^the MySQL server did not answer/)
    expect(readable(`${late.message} ${late.cause}`)).not.toMatch(/SECRET-42|UPDATE/)
  })

  it('an error of the effect is that of the driver, and is known by its number', async () => {
    const db = tidily(knex({ client: 'mysql2', connection: database.url }), (it) => it.destroy())
    const once = onlyonce({ store: database.store(), scope: 'test' })
    const work = db.transaction((trx) =>
      once.atomic('key', (tx) => tx.query('INSERT INTO nowhere VALUES (?)', [SECRET]), { tx: fromKnexMysql(trx) }),
    )
    await expect(work).rejects.toMatchObject({ errno: 1146, message: expect.stringMatching(/^Table '.*nowhere'/) })
  })
})
