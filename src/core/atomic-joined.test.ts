import { describe, expect, it } from 'vitest'
import { insert, setup } from '../../test/atomic-kit.ts'
import { gate } from '../../test/engine-kit.ts'
import { codeOf } from '../../test/support/rejections.ts'
import { operationId } from './key.ts'

const newGate = () => {
  let open = () => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

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

  it('remembers the effect’s error with the caller’s writes, when onThrow says so', async () => {
    const { once, store, count } = await setup({ onThrow: 'remember' })
    await store.transaction(async (tx) => {
      insert('mine')(tx)
      const failing = once.atomic(
        'a',
        (inner) => {
          insert('a')(inner)
          throw new Error('declined')
        },
        { tx },
      )
      await expect(failing).rejects.toThrow('declined')
    })
    expect([await count('mine'), await count('a')]).toEqual([1, 0])
    expect(await once.atomic.attempt('a', insert('a'))).toMatchObject({ kind: 'failed', replayed: true })
    expect(await count('a')).toBe(0)
  })

  it('side by side: one that throws undoes nothing of another one that was answered', async () => {
    const { once, store, count } = await setup()
    const slow = newGate()
    await store.transaction(async (tx) => {
      const failing = once.atomic(
        'a',
        async (inner) => {
          insert('a')(inner)
          await slow.passed
          throw new Error('effect')
        },
        { tx },
      )
      const other = once.atomic('b', insert('b'), { tx })
      slow.open()
      await expect(failing).rejects.toThrow('effect')
      expect(await other).toEqual({ key: 'b' })
    })
    expect([await count('a'), await count('b')]).toEqual([0, 1])
    expect(await once.find('b')).toMatchObject({ state: 'done' })
  })

  it('side by side inside another one, whose handle they share', async () => {
    const { once, count } = await setup()
    const keys = ['a', 'b', 'c', 'd']
    await once.atomic('all', async (tx) => {
      const each = keys.map((key, index) =>
        once.atomic(
          key,
          async (inner) => {
            insert(key)(inner)
            await new Promise((resolve) => setImmediate(resolve))
            if (index === 2) throw new Error('effect')
          },
          { tx },
        ),
      )
      const ended = await Promise.allSettled(each)
      expect(ended.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    })
    expect(await Promise.all(keys.map(count))).toEqual([1, 1, 0, 1])
  })

  it('one inside another does not wait for it, whichever handle it is given', async () => {
    const { once, store, count } = await setup()
    await store.transaction((tx) =>
      once.atomic(
        'outer',
        async (inner) => {
          await once.atomic('first', insert('first'), { tx: inner })
          await once.atomic('second', insert('second'), { tx })
        },
        { tx },
      ),
    )
    expect([await count('first'), await count('second')]).toEqual([1, 1])
  })

  it('what an effect left behind has no place in it any more', async () => {
    const { once, store, count } = await setup()
    const after = newGate()
    const slow = newGate()
    let late: Promise<unknown> = Promise.resolve()
    await store.transaction(async (tx) => {
      const leaving = async () => {
        late = after.passed.then(() => once.atomic('late', insert('late'), { tx }))
      }
      await once.atomic('outer', leaving, { tx })
      const failing = once.atomic(
        'a',
        async () => {
          await slow.passed
          throw new Error('effect')
        },
        { tx },
      )
      after.open()
      await new Promise((resolve) => setImmediate(resolve))
      slow.open()
      await expect(failing).rejects.toThrow('effect')
      await late
    })
    expect(await count('late')).toBe(1)
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

  it('sweeps now and then, is waited for by close, and tells of one that is in flight', async () => {
    const { once, store, runtime, events } = await setup({ retentionMs: 5_000, sweepEveryMs: 1_000 })
    for (const key of ['a', 'b', 'c']) {
      await store.transaction((tx) => once.atomic(key, insert(key), { tx }))
      await runtime.advance(10_000)
    }
    expect((await store.list({ limit: 10 })).items).toEqual([])
    expect(await store.find([operationId('test', 'a')])).toEqual([undefined])
    expect(await store.sweep(10)).toBeLessThan(2)
    const { started, effect } = gate<void>()
    const leased = once('busy', effect)
    await runtime.advance(0)
    const busy = await store.transaction((tx) => once.atomic.attempt('busy', insert('busy'), { tx }))
    expect([busy.kind, events.at(-1)?.type]).toEqual(['in-flight', 'in-flight'])
    started[0]?.resolve()
    await leased
    const joined = store.transaction((tx) => once.atomic('z', effect, { tx }))
    await runtime.advance(1)
    let closed = false
    const closing = once.close().then(() => {
      closed = true
    })
    await runtime.advance(10)
    expect([closed, started.length]).toEqual([false, 2])
    started[1]?.resolve()
    await joined
    await runtime.advance(10)
    await closing
  })

  it('is not held up by the sweep that it sets off, which waits for its turn', async () => {
    const { once, store, runtime, events } = await setup({ sweepEveryMs: 1_000 })
    await runtime.advance(2_000)
    const joined = store.transaction(async (tx) => {
      await once.atomic('a', insert('a'), { tx })
      await runtime.advance(700)
    })
    await joined
    await once.close()
    expect(events.filter(({ type }) => type === 'store-failed')).toEqual([])
  })

  it.each([null, 'tx', 5])('refuses %j for a transaction', async (tx) => {
    const { once } = await setup()
    expect(await codeOf(once.atomic('a', insert('a'), { tx: tx as never }))).toBe('OPTION_INVALID')
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
