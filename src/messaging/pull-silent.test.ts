import { expect, it } from 'vitest'
import { delivery } from '../../test/inbox-kit.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { createBacklog, type Held } from './backlog.ts'
import { checkedPullOptions } from './consumer.ts'
import type { Delivery, Verdict } from './delivery.ts'
import type { Inbox } from './inbox.ts'
import { pullConsumer } from './pull.ts'

interface Message extends Held {
  readonly id: string
}

/** A consumer that handles one at a time, of a broker that is silent as long as `silent` says. */
function setup(silent: () => boolean) {
  const runtime = fakeRuntime()
  const backlog = createBacklog<Message>(runtime)
  const begun: string[] = []
  const settled: string[] = []
  const inbox = ({ id, redelivered }: Delivery): Promise<Verdict> => {
    begun.push(`${id} ${redelivered}`)
    return new Promise((resolve) => void runtime.after(20_000, () => resolve({ kind: 'ack' })))
  }
  const extend = () => (silent() ? new Promise<never>(() => {}) : Promise.resolve('ok' as const))
  const consumer = pullConsumer(
    {
      receive: async (max) =>
        backlog.take(max).map((held) => ({
          delivery: delivery({ id: held.id, redelivered: held.seen, extend }),
          async settle({ kind }) {
            settled.push(`${held.id} ${kind}`)
            backlog.done(held)
          },
          putOff: (ms) => backlog.putOff(held, ms),
        })),
      watch: backlog.watch,
    },
    Object.assign(inbox, { readmit: async () => false, checkHorizon() {}, visibilityMs: 30_000 }) as unknown as Inbox,
    { ...checkedPullOptions({ concurrency: 1 } as never, {}), runtime, visibilityMs: 30_000 },
  )
  const add = (id: string) => backlog.add({ id, seen: false, orderingKey: undefined, isOurs: () => true })
  return { runtime, consumer, add, begun, settled }
}

it('a message of which the broker did not say that it is still ours is begun later, and as it came', async () => {
  let silent = true
  const { runtime, consumer, add, begun, settled } = setup(() => silent)
  add('first')
  add('waits')
  await runtime.advance(31_000)
  expect([begun, settled]).toEqual([['first false'], ['first ack']])
  silent = false
  await runtime.advance(60_000)
  expect([begun, settled]).toEqual([
    ['first false', 'waits false'],
    ['first ack', 'waits ack'],
  ])
  await consumer.stop()
})
