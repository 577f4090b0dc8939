import { expect, it } from 'vitest'
import { memoryStore } from '../stores/memory/index.ts'
import { isTransactional } from './store.ts'

it('a store says whether it has transactions', () => {
  const store = memoryStore()
  expect(isTransactional(store)).toBe(false)
  expect(isTransactional({ ...store, traits: { ...store.traits, transactional: true } })).toBe(true)
})

it('what is no store is refused, and so is the promise of one', () => {
  for (const wrong of [Promise.resolve(memoryStore()), undefined, { traits: true }] as never[])
    expect(() => isTransactional(wrong)).toThrow(
      expect.objectContaining({
        code: 'OPTION_INVALID',
        message: expect.stringContaining('option `store` must be a store, awaited: `await openStore(url)`; got'),
      }),
    )
})
