import pg from 'pg'
import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { outbox } from '../../src/outbox/outbox.ts'
import { later, tidily } from '../support/leftovers.ts'
import { testDatabase } from '../support/postgres.ts'
import { codeOf, refusal } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'

describeWith('postgres', (url) => {
  async function storeWith(config: pg.PoolConfig) {
    const database = tidily(await testDatabase(url), (it) => it.close())
    const pool = tidily(new pg.Pool({ connectionString: url, max: 2, ...config }), (it) => it.end())
    const store = database.store({ pool })
    later(() => store[Symbol.asyncDispose]())
    return { database, pool, store, once: onlyonce({ store, scope: 'test', onThrow: 'remember' }) }
  }

  it('a backslash is stored as it is where standard_conforming_strings is off', async () => {
    const { once } = await storeWith({ options: '-c standard_conforming_strings=off' })
    await once.atomic.batch(['one', 'two'], async () => {})
    for (const key of ['first', 'prepared', 'one']) await once.atomic(key, async () => {})
    for (const key of ['first', 'prepared', 'one', 'two']) {
      expect(await once.atomic.attempt(key, async () => 'again')).toMatchObject({ kind: 'replayed', value: undefined })
    }
  })

  it('array_nulls = off, which would store the word NULL for nothing, is refused before anything is made', async () => {
    const { database, pool, store, once } = await storeWith({ options: '-c array_nulls=off' })
    for (const work of [() => once('key', () => {}), () => once.atomic('key', () => {}), () => store.migrate()]) {
      const error = await refusal(work())
      expect([error.code, error.message]).toEqual(['OPTION_INVALID', expect.stringMatching(/array_nulls/)])
    }
    expect(await store.check()).toMatchObject({
      unfit: true,
      problems: expect.arrayContaining([expect.stringMatching(/array_nulls/)]),
    })
    const tables = 'SELECT tablename AS name FROM pg_tables WHERE schemaname = $1'
    expect((await pool.query(tables, [database.schema])).rows).toEqual([{ name: 'test_clock' }])
  })

  it('check reports connections that are read-only, where what only reads works', async () => {
    const { database, store } = await storeWith({ options: '-c default_transaction_read_only=on' })
    await database.store().migrate()
    expect(await store.check()).toMatchObject({ unfit: true, problems: [expect.stringMatching(/read-only/)] })
    expect((await store.list({ limit: 1 })).items).toEqual([])
  })

  const parsed = (mine: Readonly<Record<number, (text: string) => unknown>>): pg.PoolConfig => ({
    types: {
      getTypeParser: ((oid: number, format?: 'text') => mine[oid] ?? pg.types.getTypeParser(oid, format)) as never,
    },
  })
  const asIs = (text: string) => text

  it.each([
    ['text for everything', { types: { getTypeParser: (() => asIs) as never } }],
    ['hex for bytes', parsed({ 17: asIs })],
    ['text for bytes under bytea_output = escape', { ...parsed({ 17: asIs }), options: '-c bytea_output=escape' }],
    ['bytes under bytea_output = escape', { options: '-c bytea_output=escape' }],
    ['text for truth', parsed({ 16: asIs })],
    ['bigint', parsed({ 20: BigInt })],
  ])('takes a pool whose type parsers give %s', async (_, config) => {
    const { pool, store, once } = await storeWith(config)
    const value = { text: 'ä\\', bytes: Uint8Array.of(0, 92, 255) }
    for (const kind of ['executed', 'replayed']) {
      expect(await once.attempt('leased', () => value)).toMatchObject({ kind, value })
      expect(await once.atomic.attempt('atomic', async () => value)).toMatchObject({ kind, value })
      expect(await once.atomic.attempt('prepared', async () => value)).toMatchObject({ kind, value })
    }
    const client = await pool.connect()
    for (const kind of ['executed', 'replayed']) {
      await client.query('BEGIN')
      const joined = await once.atomic.attempt('joined', async () => value, { tx: client })
      await client.query('COMMIT')
      expect(joined).toMatchObject({ kind, value })
    }
    client.release()
    const batch = await once.atomic.batch(['new', 'atomic'], async () => {})
    expect(batch.map(({ kind }) => kind)).toEqual(['executed', 'replayed'])
    await store.transaction((tx) => outbox(store).add(tx, { topic: 'paid', body: 'body' }))
    const [entry] = (await store.outbox.take('relay', 1_000, 5)) ?? []
    expect(Buffer.from(entry?.body ?? []).toString()).toBe('"body"')
    expect((await store.list({ limit: 9 })).items).toHaveLength(5)
    expect(await once.find('leased')).toMatchObject({ state: 'done' })
    expect(await codeOf(store.check())).toMatch(/"ok":true/)
  })

  it('refuses a joined connection whose truth cannot be read, and runs nothing there', async () => {
    const { pool, once } = await storeWith({})
    const client = await pool.connect()
    const numbers = parsed({ 16: ((text: string) => Number(text === 't')) as never }).types
    const tx = {
      query: (text: string, values?: unknown[]) => client.query({ text, values: values ?? [], types: numbers }),
    }
    expect(await once.atomic('known', async () => 'known')).toBe('known')
    await tx.query('BEGIN')
    expect(await once.atomic('known', async () => 'again', { tx })).toBe('known')
    expect(await codeOf(once.atomic('key', async () => 'joined', { tx }))).toBe('OPTION_INVALID')
    await tx.query('COMMIT')
    client.release()
    expect(await once.atomic('key', async () => 'fine')).toBe('fine')
  })

  it('sweeps partitions on a pool whose type parsers give text for everything, and sees what is wrong with them', async () => {
    const { database, pool } = await storeWith({ types: { getTypeParser: (() => asIs) as never } })
    const store = database.store({ pool, partitions: { everyMs: 1_000, keep: 1 } })
    const once = onlyonce({ store, scope: 'test', retentionMs: 1_000, leaseMs: 500, maxRunMs: 500 })
    for (const key of ['a', 'b']) {
      await once(key, () => 1)
      await database.advance(5_000)
      await store.sweep(10)
    }
    await database.advance(5_000)
    await store.sweep(10)
    const { schema } = database
    const parts = (await database.sql(`SELECT part FROM "${schema}".partitions`)).map(({ part }) => part)
    expect([parts.length < 4, parts.includes(1)]).toEqual([true, false])
    await database.sql(
      `ALTER TABLE "${schema}".operations_${parts.at(-1)} DROP CONSTRAINT operations_${parts.at(-1)}_pkey`,
    )
    expect((await store.check()).problems).toEqual([expect.stringMatching(/unique index/)])
  })
})
