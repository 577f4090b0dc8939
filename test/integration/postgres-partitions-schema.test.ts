import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import { onlyonce } from '../../src/index.ts'
import { openStore } from '../../src/stores/open.ts'
import { type PostgresStoreOptions, postgresStore } from '../../src/stores/postgres/index.ts'
import { request } from '../support/claims.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { failure } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'

const HOUR = 3_600_000
const partitions = { everyMs: HOUR, keep: 24 }

describeWith('postgres', (url) => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await testDatabase(url)
  })
  afterEach(() => database.close())
  const table = (name: string) => `"${database.schema}".${name}`

  it.each([
    [null, /`partitions` must be/],
    [{ everyMs: HOUR }, /`partitions.keep` must be/],
    [{ everyMs: 999, keep: 1 }, /`partitions.everyMs` must be/],
    [{ everyMs: 1e18, keep: 1 }, /`partitions.everyMs` must be/],
    [{ everyMs: HOUR, keep: 0 }, /`partitions.keep` must be/],
    [{ everyMs: HOUR, keep: 101 }, /`partitions.keep` must be/],
    [{ ...partitions, drop: true }, /`partitions` must be { everyMs, keep }; got "drop"/],
    [7, /`partitions` must be/],
  ])('refuses the partitions %j', (given, message) => {
    const options = { pool: database.pool, partitions: given } as unknown as PostgresStoreOptions
    expect(() => postgresStore(options)).toThrow(message)
  })

  it('refuses a claim that asks for a longer retention than the partitions have, before the effect runs', async () => {
    const store = database.store({ partitions })
    const once = onlyonce({ store, scope: 'test', retentionMs: 24 * HOUR + 1 })
    let runs = 0
    for (const call of [once('key', () => ++runs), once.atomic('key', async () => ++runs)])
      expect(await failure(call)).toMatchObject({
        code: 'OPTION_INVALID',
        message: expect.stringContaining('86400000'),
      })
    const within = store.transaction((tx) => store.within(tx).claimAll([request('key', { retentionMs: 25 * HOUR })]))
    expect(await failure(within)).toMatchObject({ code: 'OPTION_INVALID' })
    expect([runs, await once('key', () => ++runs, { retentionMs: 24 * HOUR })]).toEqual([0, 1])
  })

  it('the one table becomes the first partition, with what it has; whoever does not know is refused', async () => {
    const before = database.store()
    const once = onlyonce({ store: before, scope: 'test' })
    await once('key', () => 'value')
    const after = database.store({ partitions, migrate: 'check' })
    const notYet = await failure(after.claim([request('key')]))
    expect(notYet).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('&partitions=3600000,24'),
    })
    expect(await after.check()).toMatchObject({
      unfit: true,
      problems: [expect.stringMatching(/^the records are not in partitions, .*: run `npx onlyonce migrate /)],
    })
    const { from, to, statements } = await after.migrate({ dryRun: true })
    expect([from, to, statements.length > 0]).toEqual([1, 1, true])
    expect((await before.check()).ok).toBe(true)
    await after.migrate()
    expect((await after.migrate()).statements).toEqual([])
    expect(await after.check()).toEqual({ version: 1, expected: 1, ok: true, problems: [] })
    expect(await onlyonce({ store: after, scope: 'test' })('key', () => 'again')).toBe('value')
    expect(await database.sql(`SELECT key, state FROM ${table('v_operations')}`)).toEqual([
      { key: 'key', state: 'done' },
    ])
    const unaware = database.store()
    expect(await unaware.check()).toMatchObject({
      unfit: true,
      problems: [expect.stringMatching(/^the records are in partitions, .*: give it `partitions: {/)],
    })
    for (const dryRun of [true, false])
      expect(await failure(unaware.migrate({ dryRun }))).toMatchObject({ code: 'OPTION_INVALID' })
    // It found the table as it was, and learns of the change by the next claim of something new.
    for (const store of [before, database.store()]) {
      const known = await failure(store.claim([request('new')]))
      expect(known.message).toMatch(/partitions|onlyonce migrate/)
      expect(await failure(store.claim([request('new')]))).toMatchObject({ code: 'OPTION_INVALID' })
    }
    expect(await after.find([operationId('test', 'new')])).toEqual([undefined])
  })

  it('a store that runs transactions only learns of partitions by the next claim too', async () => {
    const store = database.store()
    const once = onlyonce({ store, scope: 'test' })
    const claim = (key: string) => once.atomic(key, async () => key)
    expect(await claim('a')).toBe('a')
    await database.store({ partitions }).migrate()
    expect((await failure(claim('b'))).message).toMatch(/onlyonce migrate/)
    expect(await failure(claim('b'))).toMatchObject({ code: 'OPTION_INVALID' })
  })

  it('stores that migrate and sweep at once make each partition once, and none is in the way of another', async () => {
    const stores = Array.from({ length: 4 }, () => database.store({ partitions }))
    const outcomes = await Promise.all(stores.map((store) => store.claim([request('key')])))
    expect(outcomes.flat().filter(({ kind }) => kind === 'granted')).toHaveLength(1)
    for (let round = 0; round < 5; round++) {
      await database.advance(HOUR)
      await Promise.all(stores.map((store) => store.sweep(10)))
      expect((await stores[0]?.check())?.problems).toEqual([])
    }
    expect(await stores[0]?.find([operationId('test', 'key')])).toEqual([undefined])
  })

  it('reports what somebody did to the partitions by hand', async () => {
    const store = database.store({ partitions })
    await store.migrate()
    await database.beginPartition()
    await database.beginPartition()
    await database.sql(`ALTER TABLE ${table('operations_1')} DROP CONSTRAINT operations_1_pkey;
      DROP TABLE ${table('operations_2')}; DELETE FROM ${table('partitions')} WHERE part = 3`)
    expect([...(await store.check()).problems].sort()).toEqual([
      'partition operations_1 has no unique index on id',
      'partition operations_2 is missing',
      'table operations_3 is a partition, and is not in the list of partitions',
    ])
  })

  it('a role that owns nothing claims and sweeps, and leaves partitions to their owner', async () => {
    const owner = database.store({ partitions })
    await owner.migrate()
    const role = `${database.schema}_app`
    await database.sql(`CREATE ROLE ${role} LOGIN; GRANT USAGE ON SCHEMA "${database.schema}" TO ${role};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "${database.schema}" TO ${role}`)
    await database.beginPartition()
    const pool = new pg.Pool({ connectionString: url, options: `-c role=${role}` })
    const app = database.store({ pool, partitions })
    await app.claim([request('brief', { leaseMs: 1, retentionMs: 1 }), request('kept')])
    await database.advance(2 * HOUR)
    expect(await app.sweep(10)).toBe(2)
    const parts = `SELECT part FROM ${table('partitions')} ORDER BY part`
    expect(await database.sql(parts)).toEqual([{ part: 1 }, { part: 2 }])
    await owner.sweep(10)
    expect(await database.sql(parts)).toEqual([{ part: 3 }])
    await app[Symbol.asyncDispose]()
    await pool.end()
    await database.sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  })

  it('a record is overdue when its partition is', async () => {
    const store = database.store({ partitions })
    await store.claim([request('key', { leaseMs: 10, retentionMs: 10 })])
    await database.advance(HOUR - 60_000)
    expect((await store.overdue()).count).toBe(0)
    await database.advance(120_000)
    expect((await store.overdue()).count).toBe(1)
  })

  it('a URL opens them, and one that is no pair is refused', async () => {
    await database.store({ partitions }).migrate()
    const at = `${url}?schema=${database.schema}&partitions=`
    await using store = await openStore(`${at}3600000,24` as `postgres://${string}`)
    expect(await store.sweep(10)).toBe(0)
    expect((await store.check()).ok).toBe(true)
    expect(await failure(openStore(`${at}hourly`))).toMatchObject({ code: 'OPTION_INVALID' })
  })

  it('every statement is planned once for a connection, not at every call', async () => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    const store = database.store({ client, partitions })
    await store.migrate()
    for (let count = 0; count < 5; count++) await database.beginPartition()
    const once = onlyonce({ store, scope: 'test', retentionMs: HOUR })
    for (let round = 0; round < 12; round++) {
      await once(`key-${round}`, () => 'value')
      await once.atomic(`atomic-${round}`, async () => 'value')
      const outcomes = await store.claim([request(`a-${round}`), request(`b-${round}`)])
      const leases = outcomes.flatMap((one) => (one.kind === 'granted' ? [one.lease] : []))
      await store.renew(leases.map((lease) => ({ lease, leaseMs: 60_000, retentionMs: 60_000 })))
      await store.release(leases.slice(0, 1))
      await store.find(leases.map(({ id }) => id))
    }
    const { rows } = await client.query(
      `SELECT name FROM pg_prepared_statements WHERE name LIKE 'onlyonce%' AND custom_plans > 5`,
    )
    expect(rows).toEqual([])
    await store[Symbol.asyncDispose]()
    await client.end()
  })
})
