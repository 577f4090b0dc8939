import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import { OnlyonceError, onlyonce } from '../../src/index.ts'
import { postgresMigrations, postgresStore } from '../../src/stores/postgres/index.ts'
import { request } from '../support/claims.ts'
import { tidily } from '../support/leftovers.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { createProxy } from '../support/proxy.ts'
import { failure } from '../support/rejections.ts'
import { describeWith, describeWithFresh } from '../support/services.ts'
import { until } from '../support/waiting.ts'

describeWith('postgres', (url) => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await testDatabase(url)
  })
  afterEach(() => database.close())

  it.each(['', 'a b', 'a"b', 'a;drop', '1a', 'a.b', 'ä', 'a'.repeat(49), "a'"])('refuses the schema %j', (schema) => {
    expect(() => postgresStore({ pool: database.pool, schema })).toThrow(/`schema` must be a plain identifier/)
  })

  it('refuses unknown and impossible options without printing what was given', () => {
    const pool = { connectionString: 'postgres://u:secret@h/d' }
    for (const options of [{}, { pool }, { pool: database.pool, client: pool }, { pool: database.pool, urls: pool }]) {
      let error: Error | undefined
      try {
        postgresStore(options as never)
      } catch (thrown) {
        error = thrown as Error
      }
      expect(OnlyonceError.is(error) && error.code).toBe('OPTION_INVALID')
      expect(String(error?.message)).not.toContain('secret')
    }
  })

  it('under `check` a missing schema is refused with the command, and nothing is created', async () => {
    const store = database.store({ migrate: 'check' })
    const error = await failure(onlyonce({ store, scope: 'test' })('key', () => {}))
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(error.message).toContain(`npx onlyonce migrate --store 'postgres://HOST/DATABASE?schema=${database.schema}'`)
    expect(await store.check()).toMatchObject({ version: 0, ok: false })
    expect((await store.migrate({ dryRun: true })).statements).toEqual(
      postgresMigrations(database.schema).flatMap(({ statements }) => statements),
    )
    expect(await store.check()).toMatchObject({ version: 0, ok: false })
    expect(await store.migrate()).toMatchObject({ from: 0, to: 1 })
    expect(await store.check()).toEqual({ version: 1, expected: 1, ok: true, problems: [] })
    expect(await store.migrate()).toMatchObject({ from: 1, to: 1, statements: [] })
    expect(await store.claim([request('key')])).toHaveLength(1)
  })

  it.each([undefined, { everyMs: 3_600_000, keep: 24 }])(
    'the statements that are printed make a schema that is in order, whoever runs them (partitions: %o)',
    async (partitions) => {
      const store = database.store({ migrate: 'check', ...(partitions === undefined ? {} : { partitions }) })
      for (const { statements } of store.migrations) for (const sql of statements) await database.sql(sql)
      expect(await store.check()).toEqual({ version: 1, expected: 1, ok: true, problems: [] })
      expect(await store.claim([request('key', { retentionMs: 1_000 })])).toHaveLength(1)
    },
  )

  it('a newer schema is refused, dropped tables are noticed, and drift is reported', async () => {
    const store = database.store()
    await store.migrate()
    await database.sql(`ALTER TABLE "${database.schema}".outbox DROP COLUMN last_reason`)
    expect((await store.check()).problems).toEqual(['column outbox.last_reason is missing'])
    await database.sql(`INSERT INTO "${database.schema}".migrations VALUES (99, 'later')`)
    const newer = await failure(database.store().claim([request('key')]))
    expect(newer).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining('upgrade onlyonce') })
    await database.sql(`DELETE FROM "${database.schema}".migrations WHERE version = 99`)
    await store.claim([request('key')])
    await database.sql(`DROP TABLE "${database.schema}".operations CASCADE`)
    const gone = await failure(store.find([operationId('test', 'key')]))
    expect(gone).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining('onlyonce migrate') })
  })

  it.each([
    ['format = 9', /written by a newer onlyonce/],
    ['state = 7', /state is/],
    ['fence = 9223372036854775807', /fence is/],
    ["key = 'stranger'", /stored as "stranger"/],
    ["steps = '{rubbish'", /cannot be read/],
    ['result_kind = 0', /running and has a result/],
  ])('a record set by hand to %s is neither run nor answered, and can be forgotten', async (change, reason) => {
    const store = database.store()
    await store.claim([request('key')])
    await database.sql(`UPDATE "${database.schema}".operations SET ${change}`)
    const error = await failure(store.claim([request('key')]))
    expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN', message: expect.stringMatching(reason) })
    const atomic = await failure(store.transaction((tx) => store.within(tx).claim(request('key'))))
    expect(atomic).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect(await store.forget([operationId('test', 'key')])).toBe(1)
    expect((await store.claim([request('key')]))[0]?.kind).toBe('granted')
  })

  it('a duplicate of a done operation writes nothing', async () => {
    const store = database.store()
    const once = onlyonce({ store, scope: 'test' })
    await once('key', () => 'value')
    const row = `SELECT ctid::text, xmin::text, xmax::text FROM "${database.schema}".operations`
    const before = await database.sql(row)
    for (let round = 0; round < 3; round++) expect(await once('key', () => 'other')).toBe('value')
    expect(await once.atomic('key', async () => 'other')).toBe('value')
    expect(await database.sql(row)).toEqual(before)
  })

  it('every statement is planned once for a connection, not at every call', async () => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    const store = database.store({ client })
    const once = onlyonce({ store, scope: 'test' })
    for (let round = 0; round < 12; round++) {
      await once(`key-${round}`, () => 'value')
      await once.atomic(`atomic-${round}`, async () => 'value')
      const outcomes = await store.claim([request(`a-${round}`), request(`b-${round}`)])
      const leases = outcomes.flatMap((one) => (one.kind === 'granted' ? [one.lease] : []))
      const result = { kind: 'value', body: new Uint8Array(1) } as const
      await store.renew(leases.map((lease) => ({ lease, leaseMs: 60_000, retentionMs: 60_000 })))
      await store.release(leases.slice(0, 1))
      await store.complete(leases.map((lease) => ({ lease, result, retentionMs: 60_000 })))
      await store.find(leases.map(({ id }) => id))
    }
    const { rows } = await client.query(
      `SELECT name FROM pg_prepared_statements WHERE name LIKE 'onlyonce%' AND custom_plans > 5`,
    )
    expect(rows).toEqual([])
    await store[Symbol.asyncDispose]()
    await client.end()
  })

  it('counts what is past its retention and not swept yet', async () => {
    const store = database.store()
    expect(await store.overdue()).toEqual({ count: 0, oldestMs: 0 })
    await store.claim([request('a', { leaseMs: 10, retentionMs: 10 }), request('b')])
    await database.advance(5_000)
    const { count, oldestMs } = await store.overdue()
    expect(count).toBe(1)
    expect(oldestMs).toBeGreaterThanOrEqual(4_900)
    expect(await store.sweep(10)).toBe(1)
    expect((await store.overdue()).count).toBe(0)
  })

  it('the view tells what people want to know', async () => {
    const store = database.store()
    const once = onlyonce({ store, scope: 'test' })
    await once('done', () => 'value')
    await store.claim([request('running')])
    const rows = await database.sql(
      `SELECT key, state, result_kind, retained_until > now() AS kept FROM "${database.schema}".v_operations ORDER BY key`,
    )
    expect(rows).toEqual([
      { key: 'done', state: 'done', result_kind: 'value', kept: true },
      { key: 'running', state: 'running', result_kind: null, kept: true },
    ])
  })

  it('unreachable, refused, read-only and silent servers are STORE_UNAVAILABLE, without the password', async () => {
    const port = new URL(url).port
    const wrong = [
      `postgres://postgres:hunter2@127.0.0.1:1/postgres`,
      `postgres://postgres:hunter2@127.0.0.1:${port}/nowhere`,
      `postgres://nobody_here:hunter2@127.0.0.1:${port}/postgres`,
      `${url}?options=-c%20default_transaction_read_only%3Don`,
    ]
    await database.store().migrate()
    for (const connectionString of wrong) {
      const pool = new pg.Pool({ connectionString })
      const store = database.store({ pool })
      let ran = false
      const work = onlyonce({ store, scope: 'test', storeTimeoutMs: 2_000 })('key', () => {
        ran = true
      })
      const error = await failure(work)
      expect([OnlyonceError.is(error) && error.code, ran], connectionString).toEqual(['STORE_UNAVAILABLE', false])
      expect(error.message).not.toContain('hunter2')
      await store[Symbol.asyncDispose]()
      await pool.end()
    }
  })

  it('tells what the server refused from what never reached it', async () => {
    const full = tidily(new pg.Pool({ connectionString: url, max: 1 }), (it) => it.end())
    const busy = await full.connect()
    const nowhere = tidily(new pg.Pool({ connectionString: new URL('/nowhere', url).href }), (it) => it.end())
    const messages = []
    for (const pool of [full, nowhere]) {
      const store = database.store({ pool, timeoutMs: 1_000 })
      messages.push((await failure(store.find([operationId('test', 'key')]))).message)
    }
    busy.release()
    expect(messages).toEqual([
      'the PostgreSQL server did not answer (no connection of the pool was free, or could be opened, within 1000 ms)',
      'the PostgreSQL server refused (database "nowhere" does not exist); there is no such database: check the name, or create it',
    ])
  })

  it('a half-open connection is given up in time, and none is missing from the pool afterwards', async () => {
    const proxy = await createProxy(Number(new URL(url).port))
    const through = new URL(url)
    through.port = String(proxy.port)
    const pool = new pg.Pool({ connectionString: through.href, max: 2 })
    const store = database.store({ pool, timeoutMs: 1_000 })
    await store.migrate()
    proxy.blackhole()
    const failed = await Promise.all(Array.from({ length: 6 }, () => failure(store.claim([request('key')]))))
    for (const error of failed) expect(error.message).toMatch(/no answer within|no connection of the pool/)
    proxy.resume()
    while (pool.waitingCount > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    for (let round = 0; round < 6; round++) await store.find([operationId('test', 'key')])
    // Also one that was being opened for a call that had given up.
    await until('all are idle', () => pool.totalCount === pool.idleCount)
    await store[Symbol.asyncDispose]()
    await pool.end()
    await proxy.close()
  })
})

describeWithFresh('postgres', (start) => {
  it('a server that is restarted in immediate mode loses no answered claim, and the store goes on by itself', async () => {
    const server = await start()
    const pool = new pg.Pool({ connectionString: server.url, max: 4 })
    const store = postgresStore({ pool })
    const once = onlyonce({ store, scope: 'test', leaseMs: 60_000 })
    await once('before', () => 'kept')
    let effects = 0
    const results = await Promise.all([
      server.restart('immediate'),
      ...Array.from({ length: 20 }, async (_, index) => {
        for (;;) {
          try {
            return await once.atomic(`key-${index}`, async (tx) => {
              await tx.query('SELECT pg_sleep(0.02)')
              return ++effects
            })
          } catch (error) {
            if (!OnlyonceError.is(error) || error.code !== 'STORE_UNAVAILABLE') throw error
            await new Promise((resolve) => setTimeout(resolve, 50))
          }
        }
      }),
    ])
    expect(results).toHaveLength(21)
    expect(await once('before', () => 'again')).toBe('kept')
    for (let index = 0; index < 20; index++)
      expect(await once.atomic(`key-${index}`, async () => -1)).toBe(results[index + 1])
    await store[Symbol.asyncDispose]()
    await pool.end()
    await server.stop()
  }, 60_000)
})
