import mysql from 'mysql2/promise'
import { beforeEach, expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import { onlyonce } from '../../src/index.ts'
import { mysqlMigrations, mysqlStore } from '../../src/stores/mysql/index.ts'
import { request } from '../support/claims.ts'
import { later, tidily } from '../support/leftovers.ts'
import { newDatabase, type TestDatabase, testDatabase } from '../support/mysql.ts'
import { failure } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'

describeWith('mysql', (url) => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await testDatabase(url)
    later(() => database.close())
  })

  it.each(['', 'a b', 'a`b', 'a;drop', 'a.b', 'ä', 'a'.repeat(65), "a'"])('refuses the database %j', (name) => {
    expect(() => mysqlStore({ pool: database.pool, database: name })).toThrow(/`database` must be of letters/)
  })

  it('under `check` a missing schema is refused with the command, and nothing is created', async () => {
    const store = database.store({ migrate: 'check' })
    const error = await failure(onlyonce({ store, scope: 'test' })('key', () => {}))
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(error.message).toContain(`npx onlyonce migrate --store mysql://HOST/${database.database}`)
    expect(await store.check()).toMatchObject({ version: 0, ok: false })
    expect((await store.migrate({ dryRun: true })).statements).toEqual(
      mysqlMigrations(database.database).flatMap(({ statements }) => statements),
    )
    expect(await store.check()).toMatchObject({ version: 0, ok: false })
    expect(await store.migrate()).toMatchObject({ from: 0, to: 1 })
    expect(await store.check()).toEqual({ version: 1, expected: 1, ok: true, problems: [] })
    expect(await store.migrate()).toMatchObject({ from: 1, to: 1, statements: [] })
    expect(await store.claim([request('key')])).toHaveLength(1)
  })

  it('a dry run answers what is then done, also where there is no database', async () => {
    const name = newDatabase()
    later(() => database.sql(`DROP DATABASE IF EXISTS ${name}`))
    const store = database.store({ database: name })
    const { statements } = await store.migrate({ dryRun: true })
    expect(statements[0]).toBe(`CREATE DATABASE \`${name}\``)
    expect(await database.sql(`SHOW DATABASES LIKE '${name}'`)).toEqual([])
    expect((await store.migrate()).statements).toEqual(statements)
    expect(await store.check()).toEqual({ version: 1, expected: 1, ok: true, problems: [] })
  })

  it('the statements that are printed make a schema that is in order, whoever runs them', async () => {
    const store = database.store({ migrate: 'check' })
    for (const { statements } of store.migrations) for (const sql of statements) await database.sql(sql)
    expect(await store.check()).toEqual({ version: 1, expected: 1, ok: true, problems: [] })
    expect(await store.claim([request('key')])).toHaveLength(1)
  })

  it('says what who migrates has to be granted; the application needs no more than its rows', async () => {
    const rows = 'SELECT, INSERT, UPDATE, DELETE'
    const user = `'${database.database}'@'%'`
    await database.sql(`CREATE USER ${user} IDENTIFIED BY 'x'`)
    later(() => database.sql(`DROP USER ${user}`))
    const url = Object.assign(new URL(database.url), { username: database.database, password: 'x' })
    await database.sql(`GRANT ${rows} ON ${database.database}.* TO ${user}`)
    const storeOf = () => {
      const pool = tidily(mysql.createPool({ uri: url.href }), (it) => it.end())
      return mysqlStore({ pool, migrate: 'check' })
    }
    const { message } = await failure(storeOf().migrate())
    const [, more = 'nothing'] = /to who migrates also ([A-Z, ]+)/.exec(message) ?? []
    await database.sql(`GRANT ${more} ON ${database.database}.* TO ${user}`)
    expect(await storeOf().migrate()).toMatchObject({ from: 0, to: 1 })
    await database.sql(`REVOKE ${more} ON ${database.database}.* FROM ${user}`)
    const store = storeOf()
    const once = onlyonce({ store, scope: 'test' })
    expect([await once('one', () => 'ran'), await once.atomic('other', () => 'ran')]).toEqual(['ran', 'ran'])
    expect([await store.sweep(10), (await store.check()).ok]).toEqual([0, true])
  })

  it('a migration that broke off after any of its statements is finished by the next one', async () => {
    const statements = mysqlMigrations(database.database).flatMap((one) => one.statements)
    // The last one says that it is done.
    for (let done = 1; done < statements.length; done++) {
      for (const sql of statements.slice(0, done)) await database.sql(sql)
      const store = database.store()
      expect(await store.migrate()).toMatchObject({ from: 0, to: 1 })
      expect(await store.check()).toMatchObject({ ok: true })
      await database.sql('DROP VIEW onlyonce_v_operations')
      for (const table of ['operations', 'fence_floor', 'outbox', 'relay', 'migrations'])
        await database.sql(`DROP TABLE onlyonce_${table}`)
    }
  })

  it('a newer schema is refused, dropped tables are noticed, and drift is reported', async () => {
    const store = database.store()
    await store.migrate()
    await database.sql('ALTER TABLE onlyonce_outbox DROP COLUMN last_reason, DROP KEY onlyonce_waiting')
    expect((await store.check()).problems).toEqual([
      'column onlyonce_outbox.last_reason is missing',
      'index onlyonce_outbox.onlyonce_waiting is missing',
    ])
    await database.sql("INSERT INTO onlyonce_migrations VALUES (99, 'later', NOW())")
    const newer = await failure(database.store().claim([request('key')]))
    expect(newer).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining('upgrade onlyonce') })
    await database.sql('DELETE FROM onlyonce_migrations WHERE version = 99')
    await store.claim([request('key')])
    await database.sql('DROP TABLE onlyonce_operations')
    const gone = await failure(store.find([operationId('test', 'key')]))
    expect(gone).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining('onlyonce migrate') })
  })
})
