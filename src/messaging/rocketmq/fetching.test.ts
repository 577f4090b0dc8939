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
