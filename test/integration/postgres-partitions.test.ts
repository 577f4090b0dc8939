import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import { onlyonce } from '../../src/index.ts'
import type { PgPool, PostgresStore } from '../../src/stores/postgres/index.ts'
import { request } from '../support/claims.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'

const HOUR = 3_600_000
const partitions = { everyMs: HOUR, keep: 24 }
const value = { kind: 'value', body: new TextEncoder().encode('"first"') } as const

/** The end of a partition, and the end of a record's retention: an operation has one record on both sides of them. */
describeWith('postgres', (url) => {
  let database: TestDatabase
  let store: PostgresStore
  beforeEach(async () => {
    database = await testDatabase(url)
    store = database.store({ partitions })
    await store.migrate()
  })
  afterEach(() => database.close())

  const table = (name: string) => `"${database.schema}".${name}`
  const id = (key: string) => operationId('test', key)
  const find = async (key: string) => (await store.find([id(key)]))[0]

  async function claim(key: string, change = {}) {
    const [outcome] = await store.claim([request(key, change)])
    return outcome
  }
  async function lease(key: string, change = {}) {
    const outcome = await claim(key, change)
    if (outcome?.kind !== 'granted') throw new Error(`${key} is ${outcome?.kind}`)
    return outcome.lease
  }
  const settle = async (key: string, retentionMs: number) =>
    store.complete([{ lease: await lease(key), result: value, retentionMs }])
  const list = async () =>
    (await database.pool.query(`SELECT part FROM ${table('partitions')} ORDER BY part`)).rows.map((row) => row.part)
  const placeOf = async (key: string) =>
    (await database.sql(`SELECT part FROM ${table('operations')} WHERE id = $1`, [id(key)])).map((row) => row.part)

  async function until(what: string, condition: () => Promise<boolean>) {
    for (const start = Date.now(); !(await condition()); )
      if (Date.now() - start > 20_000) throw new Error(`not ${what}`)
  }

  it('what was done just before a partition ends is a duplicate behind it, in every way of claiming', async () => {
    await settle('key', HOUR)
    await database.advance(HOUR - 1_000)
    await settle('late', HOUR)
    await store.sweep(100)
    expect(await list()).toEqual([1])
    await database.advance(1_000)
    await store.sweep(100)
    expect(await list()).toEqual([1, 2])
    for (const rival of [() => claim('late'), async () => (await store.claim([request('late'), request('new')]))[0]])
      expect(await rival()).toMatchObject({ kind: 'done', result: { kind: 'value' } })
    const within = store.transaction(async (tx) => [
      await store.within(tx).claim(request('late')),
      ...(await store.within(tx).claimAll([request('late'), request('other')])),
    ])
    expect((await within).map(({ kind }) => kind)).toEqual(['done', 'done', 'granted'])
    expect([await placeOf('late'), await placeOf('new'), await placeOf('other')]).toEqual([[1], [2], [2]])
  })

  it('what runs while a partition ends is held, renewed, settled there; taken over, it moves to the newest', async () => {
    const [held, abandoned, idle] = [
      await lease('held'),
      await lease('abandoned', { leaseMs: 10 }),
      await lease('idle'),
    ]
    await store.release([idle])
    await database.advance(20)
    await database.beginPartition()
    expect(await claim('held')).toMatchObject({ kind: 'running' })
    expect(await claim('held', { fingerprint: 'v1:other' })).toMatchObject({ kind: 'mismatch' })
    expect(await store.renew([{ lease: held, leaseMs: 60_000, retentionMs: HOUR }])).toEqual(['ok'])
    expect(await store.complete([{ lease: held, result: value, retentionMs: HOUR }])).toEqual(['ok'])
    const takenOver = await claim('abandoned')
    expect(takenOver).toMatchObject({ kind: 'granted', attempt: 2 })
    expect(takenOver?.kind === 'granted' && takenOver.lease.fence).toBeGreaterThan(abandoned.fence)
    expect(await store.complete([{ lease: abandoned, result: value, retentionMs: HOUR }])).toEqual(['lost'])
    await store.transaction((tx) => store.within(tx).claim(request('idle')))
    expect([await placeOf('held'), await placeOf('abandoned'), await placeOf('idle')]).toEqual([[1], [2], [2]])
    expect((await store.list({ limit: 10 })).items.map(({ key }) => key).sort()).toEqual(['abandoned', 'held', 'idle'])
    expect(await store.forget([id('held'), id('abandoned')])).toBe(2)
    expect(await claim('held')).toMatchObject({ kind: 'granted', attempt: 1 })
  })

  it.each(['lone', 'many', 'atomic', 'batch'] as const)(
    'a rival (%s) whose statement began before the next partition, and a claim that commits meanwhile, make one record',
    async (way) => {
      const pool = new pg.Pool({ connectionString: url, max: 1 })
      const rivals = database.store({ pool, partitions })
      const ask = (key: string) => {
        if (way === 'lone') return rivals.claim([request(key)])
        if (way === 'many') return rivals.claim([request(key), request(`${key} beside`)])
        if (way === 'atomic') return rivals.transaction(async (tx) => [await rivals.within(tx).claim(request(key))])
        return rivals.transaction((tx) => rivals.within(tx).claimAll([request(key), request(`${key} beside`)]))
      }
      // Prepared, so that a transaction begins and claims in one message, whose snapshot is older than its locks.
      for (const key of ['warm', 'warmer']) await ask(key)
      const waits = (mode: string) => async () =>
        (
          await database.sql(`SELECT FROM pg_locks WHERE NOT granted AND mode = $1 AND relation = $2::regclass`, [
            mode,
            table('partitions'),
          ])
        ).length > 0
      const early = new pg.Client({ connectionString: url })
      await early.connect()
      // The next partition does not wait for long. On a busy machine it may have given up: then once more.
      for (let round = 0; (await list()).length === 1; round++) {
        const key = `key ${round}`
        await early.query('BEGIN')
        expect(await store.within(early).claim(request(key))).toMatchObject({ kind: 'granted' })
        let isOver = false
        const beginning = database.beginPartition().then(() => (isOver = true))
        await until('waiting to begin', async () => isOver || (await waits('AccessExclusiveLock')()))
        const answer = ask(key)
        await until('waiting to claim', async () => isOver || (await waits('AccessShareLock')()))
        await early.query('COMMIT')
        await beginning
        expect((await answer)[0]).toMatchObject({ kind: 'done' })
        expect(await placeOf(key)).toEqual([1])
      }
      await claim('next')
      expect(await placeOf('next')).toEqual([2])
      await early.end()
      await rivals[Symbol.asyncDispose]()
      await pool.end()
    },
    60_000,
  )

  it.each(['leased', 'atomic'] as const)(
    'of 100 %s callers while partitions begin one has the effect',
    async (way) => {
      await database.sql(`CREATE TABLE ${table('effects')} (key text)`)
      const other = database.store({ partitions })
      const engines = [store, other].map((one) =>
        onlyonce({ store: one, scope: 'test', onInFlight: 'wait', waitMs: 60_000 }),
      )
      for (const key of ['one', 'two', 'three']) {
        const insert = `INSERT INTO ${table('effects')} VALUES ('${key}')`
        let isOver = false
        const beginning = (async () => {
          for (let count = 0; count < 8 && !isOver; count++) await database.beginPartition()
        })()
        const before = (await list()).length
        const calls = Array.from({ length: 100 }, async (_, nth) => {
          const once = engines[nth % 2] as (typeof engines)[0]
          if (nth % 10 === 9) await until('begun', async () => (await list()).length > before)
          if (way === 'atomic') return once.atomic(key, async (tx) => void (await tx.query(insert)))
          return once(key, async () => void (await database.sql(insert)))
        })
        await Promise.all(calls).finally(() => {
          isOver = true
        })
        await beginning
        expect(await placeOf(key)).toHaveLength(1)
      }
      expect((await database.sql(`SELECT key FROM ${table('effects')}`)).map(({ key }) => key)).toEqual([
        'one',
        'two',
        'three',
      ])
      for (const once of engines) await once.close()
    },
    120_000,
  )

  it('a partition is dropped when the last of its records is past its retention, and not a millisecond before', async () => {
    const now = Date.now()
    await database.setClock(now * 1000)
    await settle('short', HOUR)
    await settle('long', 3 * HOUR)
    const { fence } = await lease('largest', { leaseMs: 1, retentionMs: 1 })
    await database.setClock((now + HOUR) * 1000)
    expect(await store.sweep(100)).toBe(0)
    expect([await list(), await placeOf('long')]).toEqual([[1, 2], [1]])
    await database.setClock((now + 3 * HOUR - 1) * 1000)
    expect(await store.sweep(100)).toBe(0)
    expect([await list(), (await find('long'))?.state]).toEqual([[1, 3], 'done'])
    await database.setClock((now + 3 * HOUR) * 1000)
    expect(await store.sweep(100)).toBe(3)
    expect([await list(), await find('long')]).toEqual([[3], undefined])
    expect(await database.sql(`SELECT to_regclass('${table('operations_1')}') AS name`)).toEqual([{ name: null }])
    // The clock set back by days: a dropped record's fence is not handed out again.
    await database.setClock((now - 99 * HOUR) * 1000)
    expect((await lease('long')).fence).toBeGreaterThan(fence)
  })

  it('what runs is not dropped, also after the retention that it was claimed with', async () => {
    const now = Date.now()
    await database.setClock(now * 1000)
    const running = await lease('running', { leaseMs: 2 * HOUR, retentionMs: 1 })
    await database.setClock((now + HOUR) * 1000)
    expect(await store.sweep(100)).toBe(0)
    expect(await store.renew([{ lease: running, leaseMs: 3 * HOUR, retentionMs: 1 }])).toEqual(['ok'])
    await database.setClock((now + 4 * HOUR - 1) * 1000)
    expect(await store.sweep(100)).toBe(0)
    expect(await store.complete([{ lease: running, result: value, retentionMs: HOUR }])).toEqual(['ok'])
    await database.setClock((now + 5 * HOUR - 2) * 1000)
    expect([await store.sweep(100), await list()]).toEqual([0, [1, 3]])
    await database.setClock((now + 5 * HOUR) * 1000)
    expect([await store.sweep(100), await list()]).toEqual([1, [4]])
  })

  it('a write that began while a record was kept is not overlooked by the drop', async () => {
    await lease('key', { leaseMs: 1, retentionMs: 1 })
    await database.beginPartition()
    const writer = new pg.Client({ connectionString: url })
    await writer.connect()
    await writer.query(`BEGIN; UPDATE ${table('operations')} SET state = 2, result_kind = 0, result_body = '\\x00',
      retain_until = retain_until + ${HOUR * 1000}, lease_until = 0`)
    await database.advance(1_000)
    let isCommitted = false
    const commit = async () => {
      if (!isCommitted) await writer.query('COMMIT')
      isCommitted = true
    }
    // Commits at the worst moment there is: when the partition has been read, and is about to be dropped.
    const pool: PgPool = {
      async connect() {
        const client = await database.pool.connect()
        return {
          async query(text: string | pg.QueryConfig, values?: unknown[]) {
            const result = await client.query(text as string, values as unknown[])
            if (typeof text === 'string' && text.includes('count(*) AS number')) await commit()
            return result
          },
          release: (error?: Error | boolean) => client.release(error),
        }
      },
    }
    const sweeping = database.store({ pool, partitions, listen: false })
    expect(await sweeping.sweep(100)).toBe(0)
    await commit()
    expect(await sweeping.sweep(100)).toBe(0)
    expect((await find('key'))?.state).toBe('done')
    await writer.end()
  })

  it('what is kept for longer than the partitions moves to the newest one, and the old one is dropped', async () => {
    await settle('gone', HOUR)
    await store.complete([
      { lease: await lease('held'), result: { kind: 'unknown', body: new Uint8Array() }, retentionMs: 1 },
    ])
    await database.beginPartition()
    await database.advance(partitions.keep * HOUR)
    expect([await store.sweep(100), await placeOf('held')]).toEqual([0, [1]])
    await database.advance(HOUR)
    expect([await store.sweep(100), await placeOf('held')]).toEqual([1, [4]])
    expect(await list()).toEqual([4])
    const { items } = await store.list({ state: 'unknown', limit: 10 })
    expect(items.map(({ key }) => key)).toEqual(['held'])
  })
})
