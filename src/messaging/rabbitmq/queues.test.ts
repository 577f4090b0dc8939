import { expect, it } from 'vitest'
import { onlyonce } from '../../core/engine.ts'
import { memoryStore } from '../../stores/memory/index.ts'
import { consume } from '../rabbitmq.ts'
import { declareQueues, retryQueue } from './queues.ts'

async function declaredFor(maxBackoffMs?: number): Promise<readonly string[]> {
  const declared: string[] = []
  const assertQueue = async (name: string) => void declared.push(name)
  await declareQueues({ assertQueue }, 'q', maxBackoffMs)
  return declared
}

const HOUR_MS = 3_600_000

it.each([
  [1, 1_000],
  [1_000, 1_000],
  [1_001, 10_000],
  [60_000, 60_000],
  [60_001, 600_000],
  [600_001, HOUR_MS],
  [HOUR_MS, HOUR_MS],
])('a pause of %d ms is spent where none is longer than %d ms', (delayMs, longestMs) => {
  // RabbitMQ lets a message go only when it is the first of its queue, whatever the time of those behind it.
  expect(retryQueue('q', delayMs)).toBe(`q.retry-${longestMs}`)
})

it.each([[200], [1_000], [60_000], [60_001], [900_000], [HOUR_MS]])(
  'each pause up to a maxBackoffMs of %d has its queue',
  async (maxBackoffMs) => {
    const declared = await declaredFor(maxBackoffMs)
    for (const part of [0, 0.001, 0.01, 0.1, 0.5, 1])
      expect(declared).toContain(retryQueue('q', Math.ceil(part * maxBackoffMs)))
  },
)

it('declares those for longer pauses only where they are wanted', async () => {
  const short = ['q.dead', 'q.retry-1000', 'q.retry-10000', 'q.retry-60000', 'q']
  expect(await declaredFor(60_000)).toEqual(short)
  expect(await declaredFor()).toEqual([...short.slice(0, -1), 'q.retry-600000', 'q.retry-3600000', 'q'])
})

it('refuses a pause for which there is no queue', () => {
  const once = onlyonce({ store: memoryStore(), scope: 's' })
  const connection = () => Promise.reject(new Error('not reached'))
  const rules = { once, connection, queue: 'q', name: 'c', delivers: 'at-least-once', handle: () => {} } as const
  expect(() => consume({ ...rules, maxBackoffMs: HOUR_MS + 1 })).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('`maxBackoffMs`') }),
  )
})

it('refuses to fetch more ahead than AMQP can count, which no channel would ever be opened with', () => {
  const once = onlyonce({ store: memoryStore(), scope: 's' })
  const connection = () => Promise.reject(new Error('not reached'))
  const rules = { once, connection, queue: 'q', name: 'c', delivers: 'at-least-once', handle: () => {} } as const
  expect(() => consume({ ...rules, concurrency: 32_768 })).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('`prefetch`') }),
  )
})
