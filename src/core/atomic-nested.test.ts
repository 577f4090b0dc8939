import { describe, expect, it } from 'vitest'
import { insert, setup } from '../../test/atomic-kit.ts'
import { codeOf } from '../../test/support/rejections.ts'
import { onlyonce } from './engine.ts'

describe('an operation asked for again by its own effect, in the same transaction', () => {
  const again = { kind: 'in-flight', retryAfterMs: 1_000 }

  it('is in flight, and not done without a value', async () => {
    const { once, count, events } = await setup()
    const outer = await once.atomic('a', (tx) => once.atomic.attempt('a', insert('a'), { tx }))
    expect(outer).toEqual(again)
    expect(await count('a')).toBe(0)
    expect(events.map(({ type }) => type)).toEqual(['in-flight', 'executed'])
    expect(await once.atomic.attempt('a', insert('a'))).toEqual({ kind: 'replayed', value: again })
  })

  it('fails with it where that is not caught, and can run then', async () => {
    const { once, count } = await setup()
    expect(await codeOf(once.atomic('a', (tx) => once.atomic('a', insert('a'), { tx })))).toBe('IN_FLIGHT')
    expect(await once.atomic('a', insert('a'))).toEqual({ key: 'a' })
    expect(await count('a')).toBe(1)
  })

  it('is so in a transaction of the caller, by another engine, and in a batch', async () => {
    const { once, store, runtime } = await setup()
    const one = onlyonce({ store, scope: 'test', runtime })
    const other = onlyonce({ store, scope: 'test', runtime })
    const joined = store.transaction((tx) =>
      one.atomic('a', () => other.atomic.attempt('a', insert('a'), { tx }), { tx }),
    )
    expect(await joined).toEqual(again)
    let inBatch: unknown
    await once.atomic.batch(['b', 'c'], async (tx) => {
      inBatch = await once.atomic.attempt('c', insert('c'), { tx })
    })
    expect(inBatch).toEqual(again)
  })

  it('is another one in another store, although it may have the same fence', async () => {
    const [here, there] = [await setup(), await setup()]
    expect(await there.once.atomic('a', insert('a'))).toEqual({ key: 'a' })
    const nested = await here.once.atomic('a', () =>
      there.store.transaction((tx) => there.once.atomic.attempt('a', insert('a'), { tx })),
    )
    expect(nested).toEqual({ kind: 'replayed', value: { key: 'a' } })
  })

  it('is so, too, when an attempt that outlived its time limit ends meanwhile', async () => {
    const { once, runtime } = await setup({ maxRunMs: 3_000 })
    let end = () => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const outlived = codeOf(once.atomic('a', () => ended))
    await runtime.advance(3_000)
    expect(await outlived).toBe('LEASE_LOST')
    const nested = await once.atomic('a', async (tx) => {
      end()
      await new Promise((resolve) => setImmediate(resolve))
      return once.atomic.attempt('a', insert('a'), { tx })
    })
    expect(nested).toEqual(again)
  })

  it('is answered as ever when the effect is over', async () => {
    const { once, store } = await setup()
    await store.transaction(async (tx) => {
      await once.atomic('a', () => {}, { tx })
      expect(await once.atomic.attempt('a', insert('a'), { tx })).toEqual({ kind: 'replayed', value: undefined })
      await once.atomic.attempt('b', () => Promise.reject(new Error('no')), { tx })
      expect(await once.atomic.attempt('b', insert('b'), { tx })).toMatchObject({ kind: 'executed' })
    })
    expect(await once.atomic.attempt('a', insert('a'))).toEqual({ kind: 'replayed', value: undefined })
  })
})
