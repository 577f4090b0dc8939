import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { postgresStore } from './index.ts'

it('any number of stores on one pool listen for its errors once, until the last is closed', async () => {
  const pool = Object.assign(new EventEmitter(), { connect: () => Promise.reject(new Error('not asked')) })
  const stores = Array.from({ length: 12 }, (_, n) => postgresStore({ pool, schema: `tenant_${n}` }))
  const left = []
  for (const store of stores) {
    left.push(pool.listenerCount('error'))
    await store[Symbol.asyncDispose]()
  }
  expect([...left, pool.listenerCount('error')]).toEqual([...stores.map(() => 1), 0])
  expect(pool.listenerCount('connect')).toBe(0)
  await using _ = postgresStore({ pool })
  expect(pool.listenerCount('error')).toBe(1)
})
