import { expect, it } from 'vitest'
import { type ConsumerEvent, consume } from '../../src/messaging/kafka.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { openDesk, quick, SOON } from './kafka-helpers.ts'

const LONG = { timeout: 90_000 }

describeWith('kafka', (url) => {
  it('messages that wait for their next try outlast a transaction that is aborted behind them', LONG, async () => {
    const { from, once, kafka, admin, topic, publish, behind, committed } = await openDesk(url, 1)
    await publish(['a', 'b', 'c'])
    let isDown = true
    const starts: string[] = []
    const done: string[] = []
    const failures: string[] = []
    const handle = ({ id }: { id: string }) => {
      starts.push(id)
      if (isDown) throw new Error('a service is down')
      done.push(id)
    }
    const onEvent = (event: ConsumerEvent) => void (event.type === 'broker-failed' && failures.push(`${event.error}`))
    // The aborted records fill a fetch by themselves, also when it begins before them.
    const consumer = { ...SOON, maxBytesPerPartition: 1_000 }
    const rules = { ...quick, ...from, consumer, delivers: 'at-least-once', maxAttempts: 1_000 } as const
    tidily(consume({ ...rules, once, handle, onEvent }), (one) => one.stop())
    await until('all wait', () => new Set(starts).size === 3)
    const options = { transactionalId: `aborts-${topic}`, idempotent: true, maxInFlightRequests: 1 }
    const producer = tidily(kafka.producer(options), (one) => one.disconnect())
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic, acks: -1, messages: [{ value: 'x'.repeat(5_000) }] })
    await transaction.abort()
    const endsAt = async () => Number((await admin.fetchTopicOffsets(topic))[0]?.high)
    await until('it is aborted', async () => (await endsAt()) === 5)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    await publish(['d'])
    await until('the next has come', () => starts.includes('d'))
    expect((await committed()).get(0)).toBe(0)
    isDown = false
    await until('all is committed', async () => (await behind()) === 0)
    expect(done.toSorted()).toEqual(['a', 'b', 'c', 'd'])
    expect(failures.filter((one) => one.includes('are gone'))).toEqual([])
  })
})
