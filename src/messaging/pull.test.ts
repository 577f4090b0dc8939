import { expect, it } from 'vitest'
import { delivery } from '../../test/inbox-kit.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { checkedPullOptions } from './consumer.ts'
import type { Inbox } from './inbox.ts'
import { pullConsumer } from './pull.ts'

/** A consumer of messages that all take for ever. */
function setup(options: { concurrency: number; prefetch?: number }) {
  const runtime = fakeRuntime()
  const queue: string[] = []
  const asked: number[] = []
  const inbox = Object.assign(() => new Promise(() => {}), {
    readmit: async () => false,
    checkHorizon() {},
    visibilityMs: 30_000,
  }) as unknown as Inbox
  const consumer = pullConsumer(
    {
      async receive(max) {
        asked.push(max)
        return queue.splice(0, max).map((id) => ({ delivery: delivery({ id }), settle: async () => {} }))
      },
    },
    inbox,
    { ...checkedPullOptions(options as never, {}), runtime, visibilityMs: 30_000 },
  )
  return { runtime, queue, asked, consumer }
}

it.each([
  [16, 0],
  [16, 1],
  [5, 0],
  [2, 0],
])(
  'handles as many messages side by side as `concurrency` says (%i), however few it fetches ahead (%i)',
  async (concurrency, prefetch) => {
    const { runtime, queue, consumer } = setup({ concurrency, prefetch })
    for (let n = 0; n < 2 * concurrency; n++) {
      queue.push(`m${n}`)
      await runtime.advance(1_000)
    }
    expect(consumer.running).toBe(concurrency)
  },
)

it('fetches ahead in portions', async () => {
  const { runtime, queue, asked } = setup({ concurrency: 16 })
  for (let n = 0; n < 40; n++) {
    queue.push(`m${n}`)
    await runtime.advance(1_000)
  }
  expect(Math.min(...asked)).toBe(8)
})
