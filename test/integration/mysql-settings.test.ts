import mysql from 'mysql2/promise'
import { beforeEach, expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import { onlyonce } from '../../src/index.ts'
import { request } from '../support/claims.ts'
import { later, tidily } from '../support/leftovers.ts'
import { type TestDatabase, testDatabase } from '../support/mysql.ts'
import { refusal } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'

/** Settings of a session, under which some statement does less than it says. */
describeWith('mysql', (url) => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await testDatabase(url)
    later(() => database.close())
  })

  function poolWith(setting: string) {
    const pool = mysql.createPool({ uri: database.url, connectionLimit: 2 })
    pool.pool.on('connection', (connection) => connection.query(`SET SESSION ${setting}`))
    return tidily(pool, (it) => it.end())
  }

  it.each([
    ['sql_select_limit = 100', 'sql_select_limit'],
    // So few that the settings themselves are left out of the answer.
    ['sql_select_limit = 2', 'sql_select_limit'],
    ['sql_select_limit = 0', 'sql_select_limit'],
    ["completion_type = 'CHAIN'", 'completion_type'],
    ["completion_type = 'RELEASE'", 'completion_type'],
    ['sql_safe_updates = 1', 'sql_safe_updates'],
    ["sql_mode = 'ORACLE'", 'ORACLE'],
    ['TRANSACTION ISOLATION LEVEL READ UNCOMMITTED', 'READ UNCOMMITTED'],
  ])('a pool whose connections have %s is refused before anything runs', async (setting, named) => {
    const once = onlyonce({ store: database.store({ pool: poolWith(setting) }), scope: 'test' })
    let ran = 0
    for (const ask of [
      () => once('key', () => ++ran),
      () => once.atomic('key', () => ++ran),
      () => once.atomic.batch(['key', 'other'], () => ++ran),
    ]) {
      const error = await refusal(ask())
      expect([error.code, error.message, ran]).toEqual(['OPTION_INVALID', expect.stringContaining(named), 0])
    }
  })

  it.each([
    ['autocommit = 0', 'autocommit'],
    ['sql_safe_updates = 1', 'sql_safe_updates'],
    ['TRANSACTION ISOLATION LEVEL READ UNCOMMITTED', 'READ UNCOMMITTED'],
  ])('connections with %s are not migrated with, and reported', async (setting, named) => {
    const store = database.store({ pool: poolWith(setting) })
    for (const dryRun of [true, false])
      expect(await refusal(store.migrate({ dryRun }))).toMatchObject({ code: 'OPTION_INVALID' })
    expect(await database.sql('SHOW TABLES')).toHaveLength(1)
    await database.store().migrate()
    expect(await store.check()).toMatchObject({
      ...{ ok: false, version: 1, unfit: true },
      problems: [expect.stringMatching(new RegExp(`^the connections of the pool have .*${named}`))],
    })
  })

  it('connections that are read-only are reported, and find what is there', async () => {
    await database.store().migrate()
    const store = database.store({ pool: poolWith('TRANSACTION READ ONLY') })
    const problems = [
      expect.stringMatching(/read-only \(\w+\), so nothing should be claimed there: connect to the primary/),
    ]
    expect(await store.check()).toMatchObject({ ok: false, version: 1, unfit: true, problems })
    expect(await store.find([operationId('test', 'key')])).toEqual([undefined])
  })

  it.each([
    'sql_select_limit = DEFAULT',
    'sql_safe_updates = 0',
    "completion_type = 'NO_CHAIN'",
    "sql_mode = 'ANSI'",
    "collation_connection = 'utf8mb4_turkish_ci'",
    'TRANSACTION ISOLATION LEVEL READ COMMITTED',
    'TRANSACTION ISOLATION LEVEL REPEATABLE READ',
    'TRANSACTION ISOLATION LEVEL SERIALIZABLE',
  ])('a pool whose connections have %s is taken', async (setting) => {
    const once = onlyonce({ store: database.store({ pool: poolWith(setting) }), scope: 'test' })
    expect(await once.atomic('key', () => 'done')).toBe('done')
  })

  it.each<mysql.PoolOptions>([{ rowsAsArray: true }, { nestTables: true }, { typeCast: false }, { charset: 'BINARY' }])(
    'a pool that answers in a form of its own is refused before anything runs (%j)',
    async (options) => {
      const pool = tidily(mysql.createPool({ uri: database.url, ...options }), (it) => it.end())
      const error = await refusal(database.store({ pool }).find([operationId('test', 'key')]))
      expect(error).toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining('rowsAsArray') })
    },
  )

  it.each<mysql.PoolOptions>([
    { namedPlaceholders: true },
    { supportBigNumbers: true, bigNumberStrings: true },
    { dateStrings: true, multipleStatements: true },
    { flags: ['-FOUND_ROWS'] },
    { charset: 'gbk' },
  ])('a pool with %j is taken', async (options) => {
    const pool = tidily(mysql.createPool({ uri: database.url, ...options }), (it) => it.end())
    const once = onlyonce({ store: database.store({ pool }), scope: 'test' })
    for (const effect of [() => 'ran', () => 'again'])
      expect([await once('one', effect), await once.atomic('other', effect)]).toEqual(['ran', 'ran'])
  })

  it("claims in the caller's own transaction are refused where its connection leaves out rows", async () => {
    const store = database.store()
    await store.migrate()
    const connection = tidily(await mysql.createConnection({ uri: database.url }), (it) => it.destroy())
    const claims = Array.from({ length: 200 }, (_, index) => request(`key-${index}`, { owner: 'one' }))
    await connection.beginTransaction()
    // So that not all of them are new.
    await store.within(connection).claimAll(claims.slice(0, 1))
    await connection.query('SET SESSION sql_select_limit = 100')
    const error = await store
      .within(connection)
      .claimAll(claims.map((claim) => ({ ...claim, owner: 'two' })))
      .then((outcomes) => outcomes.map(({ kind }) => kind), String)
    expect(error).toMatch(/100 of 200.*sql_select_limit/)
    await connection.rollback()
  })
})
