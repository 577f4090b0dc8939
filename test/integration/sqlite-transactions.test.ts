import { describe, expect, it } from 'vitest'
import { decodeResult, encodeResult } from '../../src/core/codec.ts'
import { onlyonce } from '../../src/index.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { request } from '../support/claims.ts'
import { sleepMs } from '../support/waiting.ts'
import { granted, insert, value, withEffects } from './sqlite-helpers.ts'

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
