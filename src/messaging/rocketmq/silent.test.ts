import { expect, it } from 'vitest'
import { onlyonce } from '../../core/engine.ts'
import { memoryStore } from '../../stores/memory/index.ts'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import { consume, type RocketConsumer, type RocketMessage } from '../rocketmq.ts'

const messageOf = (id: string): RocketMessage =>
  ({ messageId: id, topic: 't', body: Buffer.from(id), keys: [id], properties: new Map() }) as unknown as RocketMessage

it('a message of which the broker did not say in time that it is still ours is handled later', async () => {
  const runtime = fakeRuntime()
  const waiting = ['a', 'b'].map(messageOf)
  let asked = 0
  const consumer = {
    receive: async () => waiting.splice(0),
    async changeInvisibleDuration({ messageId }: RocketMessage) {
      // Longer than a third of the time for which it is asked.
      if (messageId === 'b' && ++asked === 1) await new Promise<void>((resolve) => void runtime.after(12_000, resolve))
    },
    ack: async () => {},
  } as unknown as RocketConsumer
  const begun: string[] = []
  const once = onlyonce({ store: memoryStore({ runtime }), scope: 'shop', runtime })
  const running = consume({
    ...{ once, consumer, producer: { send: async () => {} } as never, name: 'ledger', delivers: 'at-least-once' },
    concurrency: 1,
    handle({ id, redelivered }) {
      begun.push(`${id} ${redelivered}`)
      return new Promise<void>((resolve) => void runtime.after(11_000, resolve))
    },
  })
  await runtime.advance(25_000)
  expect([begun, asked]).toEqual([['a false'], 1])
  await runtime.advance(30_000)
  expect(begun).toEqual(['a false', 'b false'])
  const stopped = running.stop()
  await runtime.advance(60_000)
  await stopped
})
