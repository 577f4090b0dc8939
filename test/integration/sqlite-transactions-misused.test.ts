import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { codeOf } from '../support/rejections.ts'
import { sleepMs } from '../support/waiting.ts'
import { insert, storeOn, tempFile, withEffects } from './sqlite-helpers.ts'

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

  it('is refused alone: calls from elsewhere, sent together with it or meanwhile, wait for their turn', async () => {
    const once = onlyonce({
      store: storeOn(tempFile(), { busyTimeoutMs: 30_000 }),
      scope: 'test',
      storeTimeoutMs: 60_000,
    })
    const elsewhere = AsyncLocalStorage.snapshot()
    const calls: Promise<unknown>[] = []
    const call = (key: string) => void calls.push(codeOf(once(key, () => key)))
    await once.atomic('first', async () => {
      call('inside')
      elsewhere(() => call('together'))
      await sleepMs(10)
      elsewhere(() => call('meanwhile'))
      // Longer than calls from inside are let wait.
      await sleepMs(2_000)
    })
    await Promise.all(calls)
    await once.atomic('second', async () => {
      call('alone')
      await sleepMs(10)
      elsewhere(() => call('behind it'))
      await sleepMs(2_000)
    })
    expect(await Promise.all(calls)).toEqual([
      expect.stringMatching(/inside|OPTION_INVALID/),
      'resolved with "together"',
      'resolved with "meanwhile"',
      'OPTION_INVALID',
      'resolved with "behind it"',
    ])
  })

  it('does not count as such for the time limit that a call inside it was the first to set', async () => {
    const storeTimeoutMs = 1_700
    const silent = { ...memoryStore(), claim: () => new Promise<never>(() => {}) }
    const other = onlyonce({ store: silent, scope: 'test', storeTimeoutMs })
    const once = onlyonce({ store: storeOn(tempFile(), { busyTimeoutMs: 30_000 }), scope: 'test', storeTimeoutMs })
    const elsewhere = AsyncLocalStorage.snapshot()
    let refused: Promise<unknown> = Promise.resolve()
    await once.atomic('a', async () => {
      const inside = codeOf(other('b', () => 1))
      refused = elsewhere(() => codeOf(once('c', () => expect.fail('ran'))))
      await Promise.all([inside, refused])
    })
    expect(await refused).toBe('STORE_UNAVAILABLE')
  })
})
