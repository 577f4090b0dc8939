import { expect, it } from 'vitest'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import type { RocketConsumer } from './client.ts'
import { startFetching } from './fetching.ts'

it('shuts a consumer down that was opened after the stop had given it up', async () => {
  const runtime = fakeRuntime()
  let opened: (consumer: RocketConsumer) => void = () => {}
  let shutdowns = 0
  const late = new Promise<RocketConsumer>((resolve) => {
    opened = resolve
  })
  const events = { roomFor: () => 1, onMessages: () => {}, onFailure: () => {} }
  const fetching = startFetching(() => late, 30_000, runtime, events)
  const ended = fetching.end()
  await runtime.advance(11_000)
  await ended
  await fetching.close()
  opened({ shutdown: async () => void shutdowns++ } as unknown as RocketConsumer)
  await runtime.advance(1)
  expect(shutdowns).toBe(1)
})

it('a consumer that does not start is given up and tried again, and is shut down when it starts after all', async () => {
  const runtime = fakeRuntime()
  const started: string[] = []
  const shut: string[] = []
  const consumer = (name: string) => {
    const receive = async () => {
      await new Promise<void>((resolve) => void runtime.after(1_000, resolve))
      return []
    }
    return { receive, shutdown: async () => void shut.push(name) } as unknown as RocketConsumer
  }
  let start: (consumer: RocketConsumer) => void = () => {}
  const open = () => {
    started.push(`consumer ${started.length + 1}`)
    if (started.length > 1) return Promise.resolve(consumer('consumer 2'))
    return new Promise<RocketConsumer>((resolve) => {
      start = resolve
    })
  }
  const failures: unknown[] = []
  const events = { roomFor: () => 1, onMessages: () => {}, onFailure: (error: unknown) => failures.push(error) }
  const fetching = startFetching(open, 30_000, runtime, events)
  await runtime.advance(60_001)
  expect(failures).toEqual([new Error('RocketMQ: the consumer did not start within 60000 ms')])
  await runtime.advance(60_000)
  expect(started).toEqual(['consumer 1', 'consumer 2'])
  start(consumer('consumer 1'))
  await runtime.advance(1)
  expect(shut).toEqual(['consumer 1'])
  const ended = fetching.end()
  await runtime.advance(11_000)
  await ended
  await fetching.close()
  expect(shut).toEqual(['consumer 1', 'consumer 2'])
})

it('starts that are never answered become rare: each leaves a client behind', async () => {
  const runtime = fakeRuntime()
  let started = 0
  const open = () => {
    started++
    return new Promise<RocketConsumer>(() => {})
  }
  const events = { roomFor: () => 1, onMessages: () => {}, onFailure: () => {} }
  const fetching = startFetching(open, 30_000, runtime, events)
  await runtime.advance(3_600_000)
  expect(started).toBeGreaterThan(5)
  expect(started).toBeLessThan(15)
  const ended = fetching.end()
  await runtime.advance(11_000)
  await ended
})
