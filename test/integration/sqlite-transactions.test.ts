import { describe, expect, it } from 'vitest'
import { decodeResult, encodeResult } from '../../src/core/codec.ts'
import type { SqliteDatabase } from '../../src/embedded/driver.ts'
import { onlyonce } from '../../src/index.ts'
import { type SqliteStore, type SqliteTx, sqliteStore } from '../../src/stores/sqlite/index.ts'
import { all, granted, rawDatabase, request, sleepMs, storeOn, tempFile, value } from './sqlite-helpers.ts'

async function withEffects(): Promise<{ path: string; store: SqliteStore; effects: () => number; db: SqliteDatabase }> {
  const path = tempFile()
  const store = storeOn(path)
  await store.transaction(async (tx) => tx.exec('CREATE TABLE effects (key TEXT PRIMARY KEY, body BLOB)'))
  const db = await rawDatabase(path)
  return { path, store, db, effects: () => Number(all(db, 'SELECT count(*) AS n FROM effects')[0]?.n) }
}

const insert = (tx: SqliteTx, key = 'k') => tx.prepare('INSERT INTO effects (key) VALUES (?)').run(key)

describe('a transaction', () => {
  it('commits the effect and the record together, and answers what the work answered', async () => {
    const { store, effects } = await withEffects()
    const answer = await store.transaction(async (tx) => {
      const { lease } = granted(await store.within(tx).claim(request('a')))
      insert(tx)
      await store.within(tx).complete({ lease, result: value('v'), retentionMs: 1_000 })
      return 'answer'
    })
    expect(answer).toBe('answer')
    expect(effects()).toBe(1)
    const [found] = await store.find([request('a').id])
    expect(found).toMatchObject({ state: 'done', result: value('v'), key: 'a', scope: 'test', attempt: 1 })
  })

  it('keeps a result that waits for a decision for ever', async () => {
    const { store } = await withEffects()
    await store.transaction(async (tx) => {
      const { lease } = granted(await store.within(tx).claim(request('a', { retentionMs: 1 })))
      const result = { ...value('who knows'), kind: 'unknown' } as const
      expect(await store.within(tx).complete({ lease, result, retentionMs: 1 })).toBe('ok')
    })
    await sleepMs(10)
    expect(await store.sweep(10)).toBe(0)
    expect((await store.list({ state: 'unknown', limit: 5 })).items.map(({ key }) => key)).toEqual(['a'])
  })

  it('leaves nothing when the work throws, and throws the same', async () => {
    const { store, effects } = await withEffects()
    const error = new Error('no')
    const work = store.transaction(async (tx) => {
      granted(await store.within(tx).claim(request('a')))
      insert(tx)
      throw error
    })
    await expect(work).rejects.toBe(error)
    expect(effects()).toBe(0)
    expect(await store.find([request('a').id])).toEqual([undefined])
  })

  it('is undone when the work throws without a promise', async () => {
    const { store } = await withEffects()
    const error = new Error('at once')
    const work = store.transaction(() => {
      throw error
    })
    await expect(work).rejects.toBe(error)
    granted((await store.claim([request('after')]))[0])
  })

  it('takes its handle, and every statement made from it, away when it is over', async () => {
    const { store, effects } = await withEffects()
    let late: (() => unknown)[] = []
    const keep = async (tx: SqliteTx) => {
      const prepared = tx.prepare('INSERT INTO effects (key) VALUES (?)')
      const read = tx.prepare('SELECT * FROM effects')
      late = [() => prepared.run('x'), () => read.get(), () => read.all(), () => tx.exec('SELECT 1'), () => insert(tx)]
    }
    await store.transaction(keep)
    for (const use of late) expect(use).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    await expect(store.transaction((tx) => keep(tx).then(() => Promise.reject(new Error('no'))))).rejects.toThrow('no')
    // Also while another transaction is open on the same connection.
    await store.transaction(async () => {
      for (const use of late) expect(use).toThrow(/the transaction is over/)
    })
    expect(effects()).toBe(0)
  })

  it('an effect that goes on after maxRunMs writes nothing', async () => {
    const { store, effects } = await withEffects()
    const once = onlyonce({ store, scope: 'test', leaseMs: 20, maxRunMs: 30 })
    let zombie: unknown
    const run = once.atomic('slow', async (tx) => {
      insert(tx, 'early')
      await sleepMs(120)
      try {
        insert(tx, 'late')
      } catch (error) {
        zombie = error
      }
    })
    await expect(run).rejects.toMatchObject({ code: 'LEASE_LOST' })
    await sleepMs(150)
    expect(zombie).toMatchObject({ code: 'CLOSED' })
    expect(effects()).toBe(0)
  })

  it('gives blobs as Uint8Array and one row, with every driver', async () => {
    const { store } = await withEffects()
    await store.transaction(async (tx) => {
      tx.prepare('INSERT INTO effects VALUES (?, ?)').run('b', Uint8Array.of(1, 2, 3))
      const read = tx.prepare('SELECT key, body FROM effects')
      for (const row of [read.get(), read.all()[0]] as { key: string; body: Uint8Array }[]) {
        expect(row.key).toBe('b')
        expect(row.body).toBeInstanceOf(Uint8Array)
        expect([...row.body]).toEqual([1, 2, 3])
      }
      expect(tx.prepare('SELECT 1 WHERE 0').get()).toBeUndefined()
    })
  })

  it('a statement read with get does not pin the connection to an old snapshot', async () => {
    const { store, db } = await withEffects()
    await store.transaction(async (tx) => {
      insert(tx, 'one')
      insert(tx, 'two')
      tx.prepare('SELECT * FROM effects').get()
    })
    db.prepare("UPDATE effects SET body = x'00'").run()
    granted((await store.claim([request('after another process wrote')]))[0])
  })

  it('throws what COMMIT threw, and the connection goes on', async () => {
    const { store, effects } = await withEffects()
    await store.transaction(async (tx) =>
      tx.exec('CREATE TABLE parts (of TEXT REFERENCES effects (key) DEFERRABLE INITIALLY DEFERRED)'),
    )
    const work = store.transaction(async (tx) => {
      insert(tx)
      tx.exec("INSERT INTO parts VALUES ('nobody')")
    })
    await expect(work).rejects.toThrow(/FOREIGN KEY/)
    expect(effects()).toBe(0)
    granted((await store.claim([request('a')]))[0])
  })
})

describe('an effect that ends the transaction itself', () => {
  const endings: Record<string, (tx: SqliteTx) => unknown> = {
    'by COMMIT': (tx) => tx.exec('COMMIT'),
    'by a prepared COMMIT': (tx) => tx.prepare('COMMIT').run(),
    'by ROLLBACK': (tx) => tx.exec('ROLLBACK'),
    'and begins another one': (tx) => tx.exec('COMMIT; BEGIN IMMEDIATE'),
  }
  for (const [how, end] of Object.entries(endings)) {
    it(`${how} is told OUTCOME_UNKNOWN, and the store goes on`, async () => {
      const { store } = await withEffects()
      const once = onlyonce({ store, scope: 'test' })
      const said = { code: 'OUTCOME_UNKNOWN', message: expect.stringMatching(/ended the transaction/) }
      await expect(store.transaction(async (tx) => end(tx))).rejects.toMatchObject(said)
      await expect(once.atomic('guarded', async (tx) => end(tx))).rejects.toMatchObject(said)
      const thrown = store.transaction(async (tx) => {
        end(tx)
        throw new Error('and then')
      })
      await expect(thrown).rejects.toMatchObject({ ...said, cause: expect.objectContaining({ message: 'and then' }) })
      expect(await once.atomic('next', async () => 'fine')).toBe('fine')
    })
  }

  it('cannot write outside the transaction afterwards', async () => {
    const { store, effects } = await withEffects()
    const work = store.transaction(async (tx) => {
      tx.exec('ROLLBACK')
      insert(tx)
    })
    await expect(work).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect(effects()).toBe(0)
  })

  it('SQLite undoing it is no unknown outcome: nothing was changed', async () => {
    const { store, effects } = await withEffects()
    const once = onlyonce({ store, scope: 'test' })
    const effect = async (tx: SqliteTx) => {
      insert(tx)
      tx.exec("INSERT OR ROLLBACK INTO effects (key) VALUES ('k')")
    }
    await expect(once.atomic('a', effect)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await expect(store.transaction(effect)).rejects.toThrow(/UNIQUE/)
    const swallowing = store.transaction((tx) => effect(tx).catch(() => insert(tx)))
    await expect(swallowing).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(effects()).toBe(0)
  })
})

describe('a call from inside an open transaction of the same store', () => {
  it('is refused in words instead of waiting for itself', async () => {
    const { store, effects } = await withEffects()
    const once = onlyonce({ store, scope: 'test' })
    const said = { code: 'OPTION_INVALID', message: expect.stringMatching(/once\.atomic\(key, effect, \{ tx \}\)/) }
    await expect(store.transaction(() => store.find([]))).rejects.toMatchObject(said)
    await expect(store.transaction(() => store.transaction(async () => 1))).rejects.toMatchObject(said)
    await expect(store.transaction(async () => store[Symbol.asyncDispose]())).rejects.toMatchObject(said)
    const nested = once.atomic('outer', async (tx) => {
      insert(tx)
      return once.atomic('inner', async () => 1)
    })
    await expect(nested).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect(effects()).toBe(0)
  })

  it('is fine with the transaction handed on, with another store, and once the transaction is over', async () => {
    const { store, effects } = await withEffects()
    const other = storeOn(tempFile())
    const once = onlyonce({ store, scope: 'test' })
    const elsewhere = onlyonce({ store: other, scope: 'test' })
    let after: Promise<unknown> = Promise.resolve()
    const answer = await once.atomic('outer', async (tx) => {
      after = sleepMs(30).then(() => store.find([]))
      const inner = await once.atomic('inner', async (same) => insert(same).changes, { tx })
      return [Number(inner), await elsewhere.atomic('there', async () => 'there')]
    })
    expect(answer).toEqual([1, 'there'])
    expect(await after).toEqual([])
    expect(effects()).toBe(1)
  })
})

describe('joining a transaction that the caller began', () => {
  async function joined() {
    const { path, store, db, effects } = await withEffects()
    const once = onlyonce({ store, scope: 'test' })
    const mine = await rawDatabase(path)
    return { store, once, mine, db, effects }
  }

  for (const begin of ['BEGIN IMMEDIATE', 'BEGIN']) {
    it(`commits and vanishes with it, after ${begin}`, async () => {
      const { once, mine, effects } = await joined()
      const effect = async (tx: SqliteTx) => insert(tx).changes
      mine.exec(begin)
      await once.atomic('a', effect, { tx: mine })
      expect(await once.find('a')).toBeUndefined()
      mine.exec('ROLLBACK')
      expect([effects(), await once.find('a')]).toEqual([0, undefined])
      mine.exec(begin)
      await once.atomic('a', effect, { tx: mine })
      mine.exec('COMMIT')
      expect(effects()).toBe(1)
      expect(Number(await once.atomic('a', effect))).toBe(1)
      expect(effects()).toBe(1)
    })
  }

  it('undoes the effect that throws and leaves the rest of the transaction', async () => {
    const { once, mine, effects } = await joined()
    mine.exec('BEGIN IMMEDIATE')
    mine.exec("INSERT INTO effects (key) VALUES ('before')")
    const failing = once.atomic(
      'a',
      async (tx) => {
        insert(tx)
        throw new Error('no')
      },
      { tx: mine },
    )
    await expect(failing).rejects.toThrow('no')
    mine.exec('COMMIT')
    expect([effects(), await once.find('a')]).toEqual([1, undefined])
  })

  it('refuses a connection without a transaction', async () => {
    const { once, mine, effects } = await joined()
    const call = once.atomic('a', async (tx) => insert(tx), { tx: mine })
    await expect(call).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringMatching(/BEGIN IMMEDIATE/),
    })
    expect(effects()).toBe(0)
  })

  it('an effect that commits it is told OUTCOME_UNKNOWN', async () => {
    const { once, mine } = await joined()
    mine.exec('BEGIN IMMEDIATE')
    const call = once.atomic('a', async (tx) => tx.exec('COMMIT'), { tx: mine })
    await expect(call).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  })

  it('waits for the lock of a transaction begun without IMMEDIATE, and says so when it reads an old snapshot', async () => {
    const { once, mine, db, effects } = await joined()
    db.exec('BEGIN IMMEDIATE')
    mine.exec('BEGIN')
    const waiting = once.atomic('a', async (tx) => insert(tx).changes, { tx: mine })
    await sleepMs(30)
    db.exec('COMMIT')
    await waiting
    mine.exec('COMMIT')
    expect(effects()).toBe(1)

    mine.exec('BEGIN')
    all(mine, 'SELECT * FROM effects')
    db.exec("INSERT INTO effects (key) VALUES ('meanwhile')")
    const stale = once.atomic('b', async (tx) => insert(tx, 'b'), { tx: mine })
    await expect(stale).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/IMMEDIATE/),
    })
    mine.exec('ROLLBACK')
    expect(effects()).toBe(2)
  })

  it('works on the very connection that the store was given', async () => {
    const { path, effects } = await withEffects()
    const mine = await rawDatabase(path)
    const store = sqliteStore({ database: mine, busyTimeoutMs: 100 })
    const once = onlyonce({ store, scope: 'test' })
    mine.exec('BEGIN IMMEDIATE')
    await once.atomic('a', async (tx) => insert(tx).changes, { tx: mine })
    // A verb must not see, nor become part of, what the caller has not committed.
    await expect(store.find([])).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/caller's own transaction/),
    })
    const found = store.claim([request('waits')])
    await sleepMs(30)
    mine.exec('COMMIT')
    granted((await found)[0])
    expect(effects()).toBe(1)
    expect((await once.find('a'))?.state).toBe('done')
  })
})

describe('fences', () => {
  it('grow also over transactions that were undone within one millisecond', async () => {
    const now = 1_700_000_000_000
    const runtime = { now: () => now, elapsed: () => 0, token: () => 't', random: () => 0, after: () => () => {} }
    const store = storeOn(tempFile(), { runtime })
    const seen: number[] = []
    for (let round = 0; round < 5; round++) {
      const work = store.transaction(async (tx) => {
        seen.push(granted(await store.within(tx).claim(request('a'))).lease.fence)
        if (round % 2 === 0) throw new Error('undo')
        await store.within(tx).complete({ lease: { id: '', owner: '', fence: 0 }, result: value(''), retentionMs: 1 })
      })
      await work.catch(() => {})
      await store.forget([request('a').id])
    }
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b))
    expect(seen).toHaveLength(5)
  })

  it('grow across forget, restart and a clock that is set back by a year', async () => {
    const path = tempFile()
    let now = 1_700_000_000_000
    const runtime = () => ({
      now: () => now,
      elapsed: () => 0,
      token: () => 't',
      random: () => 0,
      after: () => () => {},
    })
    let last = 0
    for (const remove of ['forget', 'sweep', 'forget'] as const) {
      const store = storeOn(path, { runtime: runtime() })
      const { fence } = granted((await store.claim([request('a', { leaseMs: 1, retentionMs: 1 })]))[0]).lease
      expect(fence).toBeGreaterThan(last)
      last = fence
      now += 10
      expect(remove === 'sweep' ? await store.sweep(10) : await store.forget([request('a').id])).toBe(1)
      await store[Symbol.asyncDispose]()
      now -= 365 * 86_400_000
    }
  })
})

it('a value that an atomic effect returns is stored beside its record, undefined too', async () => {
  const { store } = await withEffects()
  const once = onlyonce({ store, scope: 'test' })
  await once.atomic('nothing', async () => undefined)
  await once.atomic('map', async () => new Map([[1, 'one']]))
  const bodies = (await store.list({ limit: 10, scope: 'test' })).items.map(({ key, result }) => [key, result?.body])
  const byKey = new Map(bodies as [string, Uint8Array][])
  expect(byKey.get('nothing')).toEqual(new Uint8Array(encodeResult(undefined)))
  expect(decodeResult(byKey.get('map') as Uint8Array)).toEqual(new Map([[1, 'one']]))
})
