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

it('asks one by one while a body that cannot be decompressed may come again, and for many after that', async () => {
  const runtime = fakeRuntime()
  const asked: number[] = []
  let fails = true
  const receive = async (max: number) => {
    asked.push(max)
    await new Promise<void>((resolve) => void runtime.after(5_000, resolve))
    if (fails) throw Object.assign(new Error('incorrect header check'), { code: 'Z_DATA_ERROR' })
    return []
  }
  const failures: unknown[] = []
  const events = { roomFor: () => 16, onMessages: () => {}, onFailure: (error: unknown) => failures.push(error) }
  const fetching = startFetching({ receive } as unknown as RocketConsumer, 30_000, runtime, events)
  await runtime.advance(5_000)
  fails = false
  await runtime.advance(90_000)
  expect(asked.slice(0, 2)).toEqual([16, 1])
  expect(new Set(asked.slice(1, -1))).toEqual(new Set([1]))
  await runtime.advance(10_000)
  expect(asked.at(-1)).toBe(16)
  expect(failures).toEqual([expect.objectContaining({ cause: expect.objectContaining({ code: 'Z_DATA_ERROR' }) })])
  const ended = fetching.end()
  await runtime.advance(11_000)
  await ended
})
