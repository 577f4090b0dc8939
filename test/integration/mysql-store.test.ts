import { createConnection, createPool } from 'mysql2'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import type { Lease } from '../../src/core/record.ts'
import type { ClaimRequest } from '../../src/core/store.ts'
import { OnlyonceError, onlyonce } from '../../src/index.ts'
import { mysqlStore } from '../../src/stores/mysql/index.ts'
import { request } from '../support/claims.ts'
import { type TestDatabase, testDatabase } from '../support/mysql.ts'
import { failure } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'

describeWith('mysql', (url) => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await testDatabase(url)
  })
  afterEach(() => database.close())

  it('refuses unknown and impossible options without printing what was given', () => {
    const given = { uri: 'mysql://u:secret@h/d' }
    const { pool } = database
    const nameless = { getConnection: () => pool.getConnection() }
    for (const options of [{}, { pool: given }, { pool, urls: given }, { pool: nameless }, { pool, timeoutMs: 0 }]) {
      let error: Error | undefined
      try {
        mysqlStore(options as never)
      } catch (thrown) {
        error = thrown as Error
      }
      expect(OnlyonceError.is(error) && error.code).toBe('OPTION_INVALID')
      expect(String(error?.message)).not.toContain('secret')
    }
  })

  it('refuses pools and connections that take callbacks, saying what to give', async () => {
    const { pool, connection } = { pool: createPool(database.url), connection: createConnection(database.url) }
    expect(() => mysqlStore({ pool: pool as never })).toThrow(/option `pool`.*pool\.promise\(\)/)
    expect(() => mysqlStore({ pool: pool as never, database: 'shop' })).toThrow(/option `pool`.*pool\.promise\(\)/)
    const once = onlyonce({ store: database.store(), scope: 'test' })
    const effect = vi.fn()
    const joined = once.atomic('key', effect, { tx: connection as never })
    const says = expect.stringMatching(/`tx`.*connection\.promise\(\)/)
    expect(await failure(joined)).toMatchObject({ code: 'OPTION_INVALID', message: says })
    expect(effect).not.toHaveBeenCalled()
    expect(await mysqlStore({ pool: pool.promise() }).find([])).toEqual([])
    await pool.promise().end()
    await connection.promise().end()
  })

  it.each([
    ['format = 9', /written by a newer onlyonce/],
    ['state = 7', /state is/],
    ['fence = 9223372036854775807', /fence is/],
    ["operation_key = 'stranger'", /stored as "stranger"/],
    ["operation_key = x'ff'", /key is no text/],
    ["steps = '{rubbish'", /cannot be read/],
    ['result_kind = 0', /running and has a result/],
    ['fence = 9007199254740991, lease_until = 0', /largest fence/],
  ])('a record set by hand to %s is neither run nor answered, and can be forgotten', async (change, reason) => {
    const store = database.store()
    await store.claim([request('key')])
    await database.sql(`UPDATE onlyonce_operations SET ${change}`)
    const error = await failure(store.claim([request('key')]))
    expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN', message: expect.stringMatching(reason) })
    const atomic = await failure(store.transaction((tx) => store.within(tx).claim(request('key'))))
    expect(atomic).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect(await store.forget([operationId('test', 'key')])).toBe(1)
    expect((await store.claim([request('key')]))[0]?.kind).toBe('granted')
  })

  it('a duplicate of a done operation writes nothing', async () => {
    const once = onlyonce({ store: database.store(), scope: 'test' })
    await once('key', () => 'value')
    const written = async () => {
      const rows = await database.sql(
        "SHOW GLOBAL STATUS WHERE Variable_name IN ('Innodb_rows_updated', 'Innodb_rows_inserted', 'Innodb_rows_deleted')",
      )
      return rows.map(({ Value }) => Number(Value))
    }
    const lsn = async () => {
      const [row] = await database.sql(
        'SELECT SHA2(GROUP_CONCAT(HEX(id), fence, lease_until, retain_until, sweep_after), 256) AS hash FROM onlyonce_operations',
      )
      return row
    }
    const before = [await lsn(), await written()]
    for (let round = 0; round < 3; round++) expect(await once('key', () => 'other')).toBe('value')
    expect(await once.atomic('key', async () => 'other')).toBe('value')
    expect([await lsn(), await written()]).toEqual(before)
  })

  it('the view tells people what they want to know, in UTC', async () => {
    const store = database.store()
    const once = onlyonce({ store, scope: 'test' })
    await once('done', () => 'value')
    await once('forgotten', () => 'value')
    await once.forget('forgotten')
    await store.claim([request('rünning')])
    const rows = await database.sql(
      `SELECT \`key\`, state, result_kind, retained_until > UTC_TIMESTAMP() AS kept,
        ABS(TIMESTAMPDIFF(SECOND, created_at, UTC_TIMESTAMP())) < 60 AS recent FROM onlyonce_v_operations ORDER BY 1`,
    )
    expect(rows).toEqual([
      { key: 'done', state: 'done', result_kind: 'value', kept: 1, recent: 1 },
      { key: 'rünning', state: 'running', result_kind: null, kept: 1, recent: 1 },
    ])
  })

  it('what is forgotten keeps nothing but its id and fence, and a sweep removes it later, uncounted', async () => {
    const store = database.store()
    await store.claim([request('secret', { scope: 'secret' })])
    expect(await store.forget([operationId('test', 'secret')])).toBe(1)
    expect(await store.forget([operationId('test', 'secret')])).toBe(0)
    const [row] = await database.sql(
      'SELECT scope, operation_key, steps, result_body, HEX(owner) AS owner FROM onlyonce_operations',
    )
    expect(row).toEqual({ scope: null, operation_key: null, steps: null, result_body: null, owner: '' })
    expect([await store.sweep(10), await store.overdue()]).toEqual([0, { count: 0, oldestMs: 0 }])
    expect(await database.sql('SELECT 1 FROM onlyonce_operations')).toHaveLength(1)
    await database.advance(61_000)
    expect(await store.sweep(10)).toBe(0)
    expect(await database.sql('SELECT 1 FROM onlyonce_operations')).toHaveLength(0)
  })

  it('a sweep removes in batches, passes by what is locked, and holds up no claim', async () => {
    const store = database.store()
    const keys = Array.from({ length: 1_200 }, (_, index) => request(`key-${index}`, { leaseMs: 1, retentionMs: 1 }))
    await store.claim(keys)
    await database.advance(10)
    expect((await store.overdue()).count).toBe(1_200)
    const client = await database.pool.getConnection()
    await client.query('START TRANSACTION')
    await client.query('SELECT * FROM onlyonce_operations LIMIT 100 FOR UPDATE')
    expect(await store.sweep(300)).toBe(300)
    expect(await store.sweep(5_000)).toBe(800)
    await client.query('ROLLBACK')
    client.release()
    const [swept, granted] = await Promise.all([store.sweep(5_000), store.claim([request('fresh')])])
    expect([swept, granted[0]?.kind]).toEqual([100, 'granted'])
    const [floor] = await database.sql('SELECT fence FROM onlyonce_fence_floor')
    expect(Number(floor?.fence)).toBeGreaterThan(0)
  })

  it('a row that somebody holds stands in the way of no other, however small the table is', async () => {
    const store = database.store({ timeoutMs: 2_000 })
    const [held, ...others] = ['held', 'done', 'idle', 'gone'].map((key) => request(key))
    await store.claim([held as ClaimRequest])
    const client = await database.pool.getConnection()
    await client.query('START TRANSACTION')
    await client.query('SELECT * FROM onlyonce_operations WHERE id = UNHEX(?) FOR UPDATE', [held?.id])
    const leases = (await store.claim(others)).flatMap((one) => (one.kind === 'granted' ? [one.lease] : []))
    const times = { leaseMs: 60_000, retentionMs: 60_000 }
    expect(await store.renew(leases.map((lease) => ({ lease, ...times })))).toEqual(['ok', 'ok', 'ok'])
    const [done, idle, gone] = leases as [Lease, Lease, Lease]
    const result = { kind: 'value', body: new Uint8Array(1) } as const
    expect(await store.complete([{ lease: done, result, retentionMs: 60_000 }])).toEqual(['ok'])
    expect(await store.release([idle])).toEqual(['ok'])
    expect((await store.claim([request('idle')]))[0]).toMatchObject({ kind: 'granted', starts: 2 })
    expect(await store.forget([gone.id])).toBe(1)
    await database.advance(61_000)
    expect(await store.sweep(10)).toBe(1)
    await client.query('ROLLBACK')
    client.release()
  })

  it('fences grow although another process swept the record and the clock was set back', async () => {
    const [store, sweeper] = [database.store(), database.store()]
    await database.setClock(9_000_000_000_000)
    const [first] = await store.claim([request('key', { leaseMs: 1, retentionMs: 1 })])
    await database.setClock(9_000_000_010_000)
    expect(await sweeper.sweep(10)).toBe(1)
    await database.setClock(5_000_000_000_000)
    const [second] = await database.store().claim([request('key')])
    const fenceOf = (outcome: typeof first) => (outcome?.kind === 'granted' ? outcome.lease.fence : 0)
    expect(fenceOf(second)).toBe(fenceOf(first) + 1)
    const third = database.store()
    const inside = await third.transaction((tx) => third.within(tx).claim(request('other')))
    expect(fenceOf(inside)).toBe(fenceOf(first) + 1)
  })

  it('large batches and large results get through, in pieces that the server takes', async () => {
    const store = database.store({ timeoutMs: 30_000 })
    const requests = Array.from({ length: 1_100 }, (_, index) => request(`key-${index}`))
    const leases = (await store.claim(requests)).flatMap((one) => (one.kind === 'granted' ? [one.lease] : []))
    expect(leases).toHaveLength(1_100)
    const body = new Uint8Array(3 * 1024 * 1024).fill(7)
    const completions = leases
      .slice(0, 8)
      .map((lease) => ({ lease, result: { kind: 'value', body } as const, retentionMs: 60_000 }))
    expect(new Set(await store.complete(completions))).toEqual(new Set(['ok']))
    const [record] = await store.find([leases[7]?.id as string])
    expect(Buffer.compare(record?.result?.body as Uint8Array, body)).toBe(0)
  }, 60_000)
})
