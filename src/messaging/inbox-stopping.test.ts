import { expect, it } from 'vitest'
import { onlyonce } from '../index.ts'
import { memoryStore } from '../stores/memory/index.ts'
import type { Delivery } from './delivery.ts'
import { inbox } from './inbox.ts'

const message: Delivery = { id: '1', source: 'q', body: new Uint8Array(), headers: {}, redelivered: false }

it('a delivery that comes when the consumer stops is no start', async () => {
  const store = memoryStore()
  let claims = 0
  const claim = store.claim.bind(store)
  store.claim = (requests) => {
    claims += requests.length
    return claim(requests)
  }
  let starts = 0
  const handle = () => {
    starts++
    throw new Error('never works')
  }
  const once = onlyonce({ store, scope: 's' })
  const handled = inbox({ once, name: 'n', delivers: 'at-least-once', handle, maxAttempts: 2 })
  expect(await handled(message, AbortSignal.abort())).toMatchObject({ kind: 'retry', delayMs: 0 })
  await once.close()
  expect([starts, claims]).toEqual([0, 0])
  const next = inbox({
    once: onlyonce({ store, scope: 's' }),
    name: 'n',
    delivers: 'at-least-once',
    handle,
    maxAttempts: 2,
  })
  expect(await next({ ...message, redelivered: true })).toMatchObject({ kind: 'retry' })
  expect(await next({ ...message, redelivered: true })).toMatchObject({ kind: 'dead-letter' })
  expect(starts).toBe(2)
})
