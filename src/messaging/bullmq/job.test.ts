import { expect, it } from 'vitest'
import { onlyonce } from '../../core/engine.ts'
import { memoryStore } from '../../stores/memory/index.ts'
import { jobData, processor } from '../bullmq.ts'
import type { BullJob } from './client.ts'
import { deliveryOf } from './job.ts'
import { DelayedError, UnrecoverableError } from './signals.ts'

const job = (data: unknown) =>
  ({
    id: '1',
    name: 'paid',
    data,
    queueName: 'q',
    queueQualifiedName: 'bull:q',
    timestamp: 1_750_000_000_000,
    attemptsStarted: 1,
    stalledCounter: 0,
    updateData: async () => {},
    moveToDelayed: async () => {},
  }) as unknown as BullJob

it('a message of a later version is put aside, whatever its key is made of', async () => {
  const handled: unknown[] = []
  const once = onlyonce({ store: memoryStore(), scope: 'shop' })
  const handle = processor({
    once,
    name: 'ledger',
    delivers: 'at-least-once',
    key: () => 'k',
    handle: (message) => void handled.push(message),
  })
  await expect(handle(job({ onlyonce: 2, something: 'new' }))).rejects.toMatchObject({
    name: 'UnrecoverableError',
    message: expect.stringContaining('none that this version can read'),
  })
  expect(handled).toEqual([])
  await handle(job({ order: 1100 }))
  expect(handled).toHaveLength(1)
})

it.each([DelayedError, UnrecoverableError])('%o is never taken for a rate limit', (Signal) => {
  expect(new Signal('bullmq:rateLimitExceeded').message).toBe('the handler threw bullmq:rateLimitExceeded')
  expect(new Signal('on purpose').message).toBe('on purpose')
})

it('a message without an ordering key may say so as a database does: null is no key that others share', () => {
  const read = { id: 'a', body: 'x', orderingKey: null as unknown as undefined }
  expect(jobData(read)).not.toHaveProperty('orderingKey')
  expect(deliveryOf(job({ ...jobData(read), orderingKey: null }))).not.toHaveProperty('orderingKey')
})

it.each([{ headers: { tenant: 7 } }, { headers: null }, { headers: 'tenant=7' }, { orderingKey: 7 }])(
  'refuses %o, which the consumer could only put aside',
  (wrong) => {
    expect(() => jobData({ id: 'a', body: 'x', ...wrong } as never)).toThrow(
      expect.objectContaining({
        code: 'OPTION_INVALID',
        message: expect.stringContaining(Object.keys(wrong)[0] ?? ''),
      }),
    )
  },
)
