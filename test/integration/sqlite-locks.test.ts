import { describe, expect, it } from 'vitest'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { request } from '../support/claims.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { all, granted, rawDatabase, storeOn, tempFile, value } from './sqlite-helpers.ts'

/** The longest time in which no timer could fire. */
async function longestPause(during: Promise<unknown>): Promise<number> {
  let last = performance.now()
  let longest = 0
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }, 1)
  await during.catch(() => {})
  clearInterval(timer)
  return Math.max(longest, performance.now() - last)
}

describe('while another process holds the write lock', () => {
  it('a verb waits without blocking the event loop, then goes on', async () => {
    const path = tempFile()
    const store = storeOn(path)
    await store.sweep(1)
    const other = await rawDatabase(path)
    other.exec('BEGIN IMMEDIATE')
    const claim = store.claim([request('a')])
    const paused = longestPause(claim)
    await sleepMs(2_000)
    other.exec('COMMIT')
    granted((await claim)[0])
    // A loaded machine holds everybody up for a while, but not for as long as the lock was held.
    expect(await paused).toBeLessThan(1_500)
  })

  it('find and list answer at once', async () => {
    const path = tempFile()
    const store = storeOn(path, { busyTimeoutMs: 50 })
    await store.claim([request('a')])
    const other = await rawDatabase(path)
    other.exec('BEGIN IMMEDIATE')
    expect((await store.find([request('a').id]))[0]?.state).toBe('running')
    expect((await store.list({ limit: 5 })).items).toHaveLength(1)
    other.exec('ROLLBACK')
  })

  it('a verb gives up after busyTimeoutMs, names the file, and works later', async () => {
    const path = tempFile()
    const store = storeOn(path, { busyTimeoutMs: 80 })
    await store.sweep(1)
    const other = await rawDatabase(path)
    other.exec('BEGIN IMMEDIATE')
    const begun = performance.now()
    for (const call of [() => store.claim([request('a')]), () => store.transaction(async () => 1)]) {
      await expect(call()).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        retryable: true,
        message: expect.stringContaining(`has held the write lock of ${path} for 80 ms`),
        cause: expect.objectContaining({ message: expect.stringMatching(/locked/) }),
      })
    }
    expect(performance.now() - begun).toBeLessThan(4_000)
    other.exec('COMMIT')
    granted((await store.claim([request('a')]))[0])
  })

  it('a connection of the caller is not left with another busy_timeout, and does not block either', async () => {
    const path = tempFile()
    const mine = await rawDatabase(path)
    mine.exec('PRAGMA busy_timeout = 4000')
    const store = sqliteStore({ database: mine, busyTimeoutMs: 2_000 })
    await store.sweep(1)
    const other = await rawDatabase(path)
    other.exec('BEGIN IMMEDIATE')
    const claim = store.claim([request('a')])
    const paused = longestPause(claim)
    await expect(claim).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(await paused).toBeLessThan(1_500)
    expect(Object.values(all(mine, 'PRAGMA busy_timeout')[0] ?? {})).toEqual([4000])
    other.exec('COMMIT')
  })
})

describe('without WAL, while a reader holds a commit back', () => {
  it('the commit waits for it, however long the effect took before', async () => {
    const path = tempFile()
    const mine = await rawDatabase(path)
    mine.exec('PRAGMA journal_mode = DELETE')
    const store = sqliteStore({ database: mine, busyTimeoutMs: 200 })
    await store.sweep(1)
    const reader = await rawDatabase(path)
    const committed = store.transaction(async (tx) => {
      await store.within(tx).claim(request('a'))
      await sleepMs(300)
      reader.exec('BEGIN')
      all(reader, 'SELECT key FROM onlyonce_operations')
      setTimeout(() => reader.exec('COMMIT'), 60)
    })
    await committed
    expect(all(reader, 'SELECT key FROM onlyonce_operations')).toEqual([{ key: 'a' }])
  })
})

describe('a connection of the caller with a busy_timeout of its own does not hold up who has the lock in this process', () => {
  /** `mine` waits in the driver for longer than the store waits at all, so that a wait there is a failure. */
  async function waiting() {
    const path = tempFile()
    const mine = await rawDatabase(path)
    const store = sqliteStore({ database: mine, busyTimeoutMs: 5_000 })
    await store.claim([request('a')])
    mine.exec('PRAGMA busy_timeout = 6000')
    const other = await rawDatabase(path)
    const hold = (sql: string) => {
      other.exec(sql)
      setTimeout(() => other.exec('COMMIT'), 60)
    }
    const keepsItsSetting = () =>
      expect(Object.values(all(mine, 'PRAGMA busy_timeout')[0] ?? {}).map(Number)).toEqual([6000])
    return { mine, store, hold, keepsItsSetting }
  }
  const READ = 'BEGIN; SELECT key FROM onlyonce_operations'

  it('with a read', async () => {
    const { store, hold, keepsItsSetting } = await waiting()
    hold('BEGIN EXCLUSIVE')
    expect((await store.find([request('a').id]))[0]?.state).toBe('running')
    keepsItsSetting()
  })

  it('with the commit of a verb', async () => {
    const { store, hold, keepsItsSetting } = await waiting()
    hold(READ)
    granted((await store.claim([request('b')]))[0])
    keepsItsSetting()
  })

  it('with the commit of a transaction', async () => {
    const { store, hold, keepsItsSetting } = await waiting()
    await store.transaction(async (tx) => {
      await store.within(tx).claim(request('b'))
      hold(READ)
    })
    expect((await store.find([request('b').id]))[0]?.state).toBe('done')
    keepsItsSetting()
  })

  it('with a claim in a transaction that the caller began without IMMEDIATE', async () => {
    const { mine, store, hold, keepsItsSetting } = await waiting()
    hold('BEGIN IMMEDIATE')
    mine.exec('BEGIN')
    granted(await store.within(mine).claim(request('b')))
    keepsItsSetting()
    mine.exec('COMMIT')
  })
})

describe('while a transaction of this process is open', () => {
  it('verbs wait for it, in the order in which they came', async () => {
    const store = storeOn(tempFile())
    await store.sweep(1)
    const order: string[] = []
    let finish: (() => void) | undefined
    const open = store.transaction(() => new Promise<void>((resolve) => (finish = resolve)))
    await until('it is open', () => finish !== undefined)
    const waiting = ['one', 'two', 'three'].map((name) => store.claim([request(name)]).then(() => order.push(name)))
    await sleepMs(20)
    expect(order).toEqual([])
    finish?.()
    await Promise.all([open, ...waiting])
    expect(order).toEqual(['one', 'two', 'three'])
  })

  it('a verb gives up after busyTimeoutMs, and the transaction still commits', async () => {
    const store = storeOn(tempFile(), { busyTimeoutMs: 60 })
    await store.sweep(1)
    let finish: (() => void) | undefined
    const open = store.transaction(async (tx) => {
      await store.within(tx).claim(request('a'))
      await new Promise<void>((resolve) => (finish = resolve))
    })
    await until('it is open', () => finish !== undefined)
    await expect(store.find([])).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/transactions of this process/),
    })
    finish?.()
    await open
    expect((await store.find([request('a').id]))[0]?.state).toBe('done')
  })
})

describe('closing', () => {
  it('waits for the open transaction, is idempotent, and verbs afterwards are CLOSED', async () => {
    const path = tempFile()
    const store = storeOn(path)
    let finish: (() => void) | undefined
    const open = store.transaction(async (tx) => {
      await store.within(tx).claim(request('a'))
      await new Promise<void>((resolve) => (finish = resolve))
    })
    await until('it is open', () => finish !== undefined)
    const before = store.sweep(1)
    const closed = [store[Symbol.asyncDispose](), store[Symbol.asyncDispose]()]
    await expect(store.find([])).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(store.transaction(async () => 1)).rejects.toMatchObject({ code: 'CLOSED' })
    finish?.()
    await Promise.all([open, before, ...closed])
    await expect(store.claim([request('b')])).rejects.toMatchObject({
      code: 'CLOSED',
      message: expect.stringContaining(path),
    })
    // The file alone is complete: nothing is left in the write-ahead log.
    const again = await rawDatabase(path)
    expect(all(again, 'SELECT key FROM onlyonce_operations')).toEqual([{ key: 'a' }])
  })

  it('of a store that was never used opens nothing', async () => {
    const store = sqliteStore({ path: '/nowhere/at/all.db' })
    await store[Symbol.asyncDispose]()
  })

  it('leaves a connection of the caller open', async () => {
    const mine = await rawDatabase(tempFile())
    const store = sqliteStore({ database: mine })
    await store.claim([request('a')])
    await store[Symbol.asyncDispose]()
    expect(all(mine, 'SELECT key FROM onlyonce_operations')).toEqual([{ key: 'a' }])
  })
})

it('wakes those who watch an operation when a transaction of this process commits it, not when it is undone', async () => {
  const store = storeOn(tempFile())
  let wakes = 0
  store.watch?.(request('a').id, () => wakes++)
  const claim = (fails: boolean) =>
    store.transaction(async (tx) => {
      await store.within(tx).claim(request('a'))
      if (fails) throw new Error('undo')
    })
  await expect(claim(true)).rejects.toThrow()
  expect(wakes).toBe(0)
  await claim(false)
  expect(wakes).toBe(1)
})

it('two stores on one file in one process see each other at once', async () => {
  const path = tempFile()
  const [one, two] = [storeOn(path), storeOn(path)]
  const { lease } = granted((await one.claim([request('a')]))[0])
  expect((await two.claim([request('a')]))[0]?.kind).toBe('running')
  expect(await two.complete([{ lease, result: value('v'), retentionMs: 60_000 }])).toEqual(['ok'])
  expect((await one.claim([request('a')]))[0]).toMatchObject({ kind: 'done', result: value('v') })
})
