import { symlinkSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { outbox } from '../../src/outbox/outbox.ts'
import { type SqliteTx, sqliteStore } from '../../src/stores/sqlite/index.ts'
import { request } from '../support/claims.ts'
import { sleepMs } from '../support/waiting.ts'
import { all, granted, insert, rawDatabase, storeOn, tempFile, withEffects } from './sqlite-helpers.ts'

describe('joining a transaction that the caller began', () => {
  async function joined() {
    const { path, store, db, effects } = await withEffects()
    const once = onlyonce({ store, scope: 'test' })
    const mine = await rawDatabase(path)
    return { path, store, once, mine, db, effects }
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
    const store = sqliteStore({ database: mine, busyTimeoutMs: 2_000 })
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

  for (const begin of ['BEGIN IMMEDIATE', 'BEGIN']) {
    it(`may be the first use of the store, which creates its tables there, after ${begin}`, async () => {
      const mine = await rawDatabase(tempFile())
      const once = onlyonce({ store: sqliteStore({ database: mine }), scope: 'test' })
      for (const end of ['ROLLBACK', 'COMMIT']) {
        mine.exec(begin)
        expect(await once.atomic('a', async () => end, { tx: mine })).toBe(end)
        mine.exec(end)
      }
      expect(await once.atomic('a', () => expect.fail('ran'))).toBe('COMMIT')
      expect(await once.find('b')).toBeUndefined()
    })
  }

  it('creates no tables under `check`, nor on a connection that is not the one of the store', async () => {
    const path = tempFile()
    const mine = await rawDatabase(path)
    for (const store of [sqliteStore({ database: mine, migrate: 'check' }), storeOn(path)]) {
      const once = onlyonce({ store, scope: 'test' })
      mine.exec('BEGIN IMMEDIATE')
      const call = once.atomic('a', () => expect.fail('ran'), { tx: mine })
      await expect(call).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringMatching(/migrate/) })
      mine.exec('ROLLBACK')
    }
  })

  it('refuses a transaction on another file, where no duplicate would find the record', async () => {
    const { path, store, once } = await joined()
    const other = sqliteStore({ path: tempFile() })
    const elsewhere = onlyonce({ store: other, scope: 'test' })
    await elsewhere('warm', () => 1)
    const refused = {
      code: 'OPTION_INVALID',
      message: expect.stringMatching(
        /^option `tx` is a transaction on .+, and the store has its records in .+: they would commit/,
      ),
    }
    const never = () => expect.fail('ran')
    const app = await rawDatabase(tempFile())
    const inMemory = await rawDatabase(':memory:')
    for (const mine of [app, inMemory]) {
      mine.exec('BEGIN IMMEDIATE')
      await expect(once.atomic('a', never, { tx: mine })).rejects.toMatchObject(refused)
      await expect(outbox(store).add(mine, { topic: 't', body: 1 })).rejects.toMatchObject(refused)
      mine.exec('ROLLBACK')
    }
    await other.transaction(async (tx) => {
      await expect(once.atomic('a', never, { tx })).rejects.toMatchObject(refused)
      await expect(outbox(store).add(tx, { topic: 't', body: 1 })).rejects.toMatchObject(refused)
    })
    const own = sqliteStore({ database: app })
    await other.transaction(async (tx) => {
      await expect(onlyonce({ store: own, scope: 'test' }).atomic('a', never, { tx })).rejects.toMatchObject(refused)
    })
    expect(await elsewhere.find('a')).toBeUndefined()
    // The same file through another store, under another name, or attached, is the same file.
    const link = tempFile()
    symlinkSync(path, link)
    await sqliteStore({ path: link }).transaction(async (tx) => {
      expect(await once.atomic('b', () => 'ran', { tx })).toBe('ran')
    })
    app.exec(`ATTACH '${path}' AS records`)
    app.exec('BEGIN IMMEDIATE')
    expect(await once.atomic('c', () => 'ran', { tx: app })).toBe('ran')
    app.exec('COMMIT')
    expect([(await once.find('b'))?.state, (await once.find('c'))?.state]).toEqual(['done', 'done'])
  })
})
