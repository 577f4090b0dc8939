import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import { systemRuntime } from '../../src/core/runtime.ts'
import { request } from '../support/claims.ts'
import { later, tidily } from '../support/leftovers.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'

describeWith('postgres', (url) => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await testDatabase(url)
  })
  afterEach(() => database.close())

  const waiters = async () => (await database.sql(`SELECT FROM "${database.schema}".waiters`)).length

  it('a waiter is woken by another store that settles, and registers only while it waits', async () => {
    const [settling, waiting] = [database.store(), database.store()]
    for (const verb of ['complete', 'release', 'forget'] as const) {
      const [outcome] = await settling.claim([request(verb)])
      if (outcome?.kind !== 'granted') throw new Error('expected a grant')
      const { lease } = outcome
      let stop = () => {}
      const woken = new Promise<void>((resolve) => {
        stop = waiting.watch?.(lease.id, resolve) ?? stop
      })
      await until('so many wait', async () => (await waiters()) === 1)
      const result = { kind: 'value', body: new Uint8Array(1) } as const
      if (verb === 'complete') await settling.complete([{ lease, result, retentionMs: 60_000 }])
      else if (verb === 'release') await settling.release([lease])
      else await settling.forget([lease.id])
      await woken
      stop()
      await until('so many wait', async () => (await waiters()) === 0)
    }
  })

  it('whoever comes to wait too late, or loses the connection it listens on, is woken all the same', async () => {
    const [settling, waiting] = [database.store(), database.store()]
    const [outcome] = await settling.claim([request('key')])
    if (outcome?.kind !== 'granted') throw new Error('expected a grant')
    const { lease } = outcome
    const listeners = `SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%${database.schema}%' OR query LIKE '%"${database.schema}".waiters%' AND pid <> pg_backend_pid()`
    let wakes = 0
    const stop = waiting.watch?.(lease.id, () => wakes++)
    while ((await waiters()) === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await database.sql(`SELECT pg_terminate_backend(pid) FROM (${listeners}) l`)
    await settling.release([lease])
    while (wakes === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    const late = new Promise<void>((resolve) => void waiting.watch?.(operationId('test', 'nobody'), resolve))
    await late
    stop?.()
  })

  it('whoever comes while the connection lingers is registered at once', async () => {
    // The moment that a connection is kept without waiters never ends.
    const after: typeof systemRuntime.after = (ms, wake) => (ms === 500 ? () => {} : systemRuntime.after(ms, wake))
    const waiting = database.store({ runtime: { ...systemRuntime, after } })
    await waiting.migrate()
    for (const key of ['first', 'second']) {
      const stop = waiting.watch?.(operationId('test', key), () => {})
      await until(`${key} is registered`, async () => (await waiters()) === 1)
      stop?.()
      await until(`${key} is gone`, async () => (await waiters()) === 0)
    }
  })

  it('stores that share a pool leave half of it to those who ask, however many of them have waiters', async () => {
    const pool = tidily(new pg.Pool({ connectionString: url, max: 3 }), (it) => it.end())
    const stores = ['a', 'b', 'c'].map(() => database.store({ pool, timeoutMs: 2_000 }))
    await stores[0]?.migrate()
    const key = operationId('test', 'key')
    const [first, ...others] = stores.map((store) => store.watch?.(key, () => {}))
    await until('somebody listens', async () => (await waiters()) > 0)
    for (const store of stores) expect(await store.find([key])).toEqual([undefined])
    const [{ waiter } = {}] = await database.sql(`SELECT waiter FROM "${database.schema}".waiters`)
    first?.()
    // Whoever found no room tries again.
    const later = `SELECT FROM "${database.schema}".waiters WHERE waiter <> '${waiter}'`
    await until('another listens', async () => (await database.sql(later)).length === 1)
    for (const stop of others) stop?.()
    for (const store of stores) await store[Symbol.asyncDispose]()
  })

  it('a connection that is half open while it listens holds up nobody who closes the store', async () => {
    const proxy = await createProxy(Number(new URL(url).port))
    later(() => proxy.close())
    const through = new URL(url)
    through.port = String(proxy.port)
    const pool = new pg.Pool({ connectionString: through.href, max: 2 })
    const waiting = database.store({ pool, timeoutMs: 300 })
    await waiting.migrate()
    waiting.watch?.(operationId('test', 'key'), () => {})
    await until('it listens', async () => (await waiters()) === 1)
    proxy.blackhole()
    await waiting[Symbol.asyncDispose]()
    expect(pool.totalCount).toBe(pool.idleCount)
    proxy.resume()
    await pool.end()
  })
})
