import { expect, it } from 'vitest'
import { delivery } from '../../test/inbox-kit.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { VisibleTogether } from './visibility.ts'

it('asks for each message in time, also when the broker says nothing of another one', async () => {
  const runtime = fakeRuntime()
  const visible = new VisibleTogether(runtime, 3_000)
  const askedAt: number[] = []
  const startedAt = runtime.elapsed()
  const silent = visible.keep(delivery({ extend: () => new Promise(() => {}) }), () => {})
  const extend = async () => {
    askedAt.push(runtime.elapsed() - startedAt)
    return 'ok' as const
  }
  const answered = visible.keep(delivery({ extend }), () => {})
  await runtime.advance(5_000)
  expect(askedAt).toEqual([1_000, 2_000, 3_000, 4_000, 5_000])
  silent.stop()
  answered.stop()
  await runtime.advance(5_000)
  expect([askedAt.length, runtime.pending]).toEqual([5, 0])
})

it('believes the broker also when it says late that a message is lost', async () => {
  const runtime = fakeRuntime()
  const visible = new VisibleTogether(runtime, 3_000)
  let losses = 0
  const extend = () =>
    new Promise<'lost'>((resolve) => {
      runtime.after(1_500, () => resolve('lost'))
    })
  const kept = visible.keep(delivery({ extend }), () => void losses++)
  await runtime.advance(10_000)
  expect([kept.lost, losses, runtime.pending]).toEqual([true, 1, 0])
})
