import { describe, expect, it } from 'vitest'
import { insert, setup } from '../../test/atomic-kit.ts'
import { codeOf } from '../../test/support/rejections.ts'

describe('joining the caller’s transaction', () => {
  it('commits and vanishes with it', async () => {
    const { once, store, count, events } = await setup()
    const undone = store.transaction(async (tx) => {
      expect(await once.atomic('a', insert('a'), { tx })).toEqual({ key: 'a' })
      throw new Error('caller')
    })
    await expect(undone).rejects.toThrow('caller')
    expect(await once.find('a')).toBeUndefined()
    await store.transaction(async (tx) => {
      expect(await once.atomic('a', insert('a'), { tx })).toEqual({ key: 'a' })
      expect(await once.atomic.attempt('a', insert('a'), { tx })).toEqual({ kind: 'replayed', value: { key: 'a' } })
      await once.atomic('b', insert('b'), { tx })
    })
    expect(await once.find('a')).toMatchObject({ state: 'done' })
    expect(await count('a')).toBe(1)
    expect(await count('b')).toBe(1)
    expect(events.map((event) => event.type)).toEqual(['executed', 'executed', 'replayed', 'executed'])
    const other = store.transaction((tx) => once.atomic({ key: 'a', payload: 1 }, insert('a'), { tx }))
    await expect(other).rejects.toMatchObject({ code: 'KEY_REUSED' })
    expect(events[2]).toMatchObject({ joined: false })
    expect(events.slice(4)).toMatchObject([{ type: 'mismatch' }])
  })

  it('undoes only the effect’s part when the effect throws', async () => {
    const { once, store, count, events } = await setup()
    await store.transaction(async (tx) => {
      insert('mine')(tx)
      const failing = once.atomic(
        'a',
        (inner) => {
          insert('a')(inner)
          throw new Error('effect')
        },
        { tx },
      )
      await expect(failing).rejects.toThrow('effect')
    })
    expect(await count('mine')).toBe(1)
    expect(await count('a')).toBe(0)
    expect(await once.find('a')).toBeUndefined()
    expect(events).toMatchObject([{ type: 'failed', remembered: false, key: 'a' }])
  })

  it('says what a store failure inside it means', async () => {
    const { once, store } = await setup()
    const within = store.within
    store.within = (tx) => ({ ...within(tx), claim: () => Promise.reject(new Error('locked')) })
    const call = store.transaction((tx) => once.atomic('a', insert('a'), { tx }))
    await expect(call).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('(locked)'),
    })
  })

  it('is not answered to anybody else before it is final', async () => {
    const { once, store, runtime } = await setup()
    let inner: unknown
    const undone = store.transaction(async (tx) => {
      await once.atomic('a', insert('a'), { tx })
      const other = codeOf(once.atomic.attempt('a', insert('a'), { onInFlight: 'wait' }))
      await runtime.advance(1_000)
      inner = await other
      throw new Error('undo')
    })
    await expect(undone).rejects.toThrow('undo')
    expect(inner).toBe('OPTION_INVALID')
  })
})
