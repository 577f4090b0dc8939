import { expect, it } from 'vitest'
import { insert, setup } from '../../test/atomic-kit.ts'
import { codeOf } from '../../test/support/rejections.ts'
import type { SqliteTx } from '../stores/sqlite/index.ts'
import type { AtomicEffect } from './once.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** An effect that is not over when whoever began it without waiting for it returns. */
const slowly =
  (key: string): AtomicEffect<SqliteTx, unknown> =>
  async (tx) => {
    for (let turns = 0; turns < 5; turns++) await turn()
    return insert(key)(tx)
  }

it('a call that nobody waited for is over before the transaction that it is in', async () => {
  const { once, count } = await setup()
  let left: Promise<unknown>[] = []
  await once.atomic('outer', async (tx) => {
    left = [once.atomic('one', slowly('one'), { tx }), once.atomic('two', slowly('two'), { tx })]
    await turn()
  })
  expect(await Promise.all(left)).toEqual([{ key: 'one' }, { key: 'two' }])
  await once.atomic.batch(['batch'], async (tx) => {
    left = [once.atomic('three', slowly('three'), { tx })]
    await turn()
  })
  expect(await Promise.all(left)).toEqual([{ key: 'three' }])
  for (const key of ['one', 'two', 'three']) {
    expect(await count(key)).toBe(1)
    expect(await once.find(key)).toMatchObject({ state: 'done', result: { value: { key } } })
  }
})

it('one that fails while nobody waits for it is undone alone', async () => {
  const { once, count } = await setup()
  let left: Promise<unknown> = Promise.resolve()
  const failing: AtomicEffect<SqliteTx, unknown> = async (tx) => {
    await slowly('inner')(tx, undefined as never)
    throw new Error('effect')
  }
  await once.atomic('outer', async (tx) => {
    left = codeOf(once.atomic('inner', failing, { tx }))
    insert('outer')(tx)
    await turn()
  })
  expect(await left).toMatchObject({ message: 'effect' })
  expect([await count('outer'), await count('inner'), await once.find('inner')]).toEqual([1, 0, undefined])
})

it('what is under way when another one fails is undone with the call that they are in', async () => {
  const { once, store, count } = await setup()
  let left: Promise<unknown> = Promise.resolve()
  await store.transaction(async (tx) => {
    const outer = once.atomic(
      'outer',
      async () => {
        const failing = once.atomic('failing', () => Promise.reject(new Error('effect')), { tx })
        left = codeOf(once.atomic('beside', slowly('beside'), { tx }))
        await Promise.all([failing, left])
      },
      { tx },
    )
    await expect(outer).rejects.toThrow('effect')
    expect(await left).toBe('resolved with {"key":"beside"}')
  })
  expect([await count('beside'), await once.find('beside')]).toEqual([0, undefined])
  expect(await once.atomic('beside', insert('beside'))).toEqual({ key: 'beside' })
})

it('a transaction of the store waits for the calls in it that nobody waited for', async () => {
  const { once, store, count } = await setup()
  let left: Promise<unknown> = Promise.resolve()
  await store.transaction(async (tx) => {
    left = once.atomic('left', slowly('left'), { tx })
  })
  expect(await left).toEqual({ key: 'left' })
  expect([await count('left'), (await once.find('left'))?.state]).toEqual([1, 'done'])
})
