import { expect, it, vi } from 'vitest'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import type { KafkaClient } from './client.ts'
import { transform } from './transform.ts'
import type { TransformEvent } from './transform-options.ts'

it.each([
  [
    'throws',
    () => {
      throw new Error('the listener broke')
    },
  ],
  ['rejects', () => Promise.reject(new Error('the listener broke later'))],
])('a listener that %s ends nothing', async (_, broken) => {
  const unhandled = vi.fn()
  process.on('unhandledRejection', unhandled)
  const down = { connect: () => Promise.reject(new Error('no broker')), disconnect: async () => {} }
  const kafka = { consumer: () => down, producer: () => down, admin: () => down } as unknown as KafkaClient
  const names = { topic: 't', groupId: 'g', transactionalId: 'g' }
  const events: TransformEvent[] = []
  // Not a mock: that would take the rejection for itself.
  const onEvent = (event: TransformEvent) => {
    events.push(event)
    return broken()
  }
  const runtime = fakeRuntime()
  const running = transform({ kafka, ...names, handle: () => [], onEvent, runtime })
  await runtime.advance(60_000)
  await new Promise((resolve) => setImmediate(resolve))
  await running.stop()
  process.off('unhandledRejection', unhandled)
  expect(events.length).toBeGreaterThan(1)
  expect(events[0]).toEqual({ type: 'broker-failed', error: expect.any(Error) })
  expect(unhandled).not.toHaveBeenCalled()
})
