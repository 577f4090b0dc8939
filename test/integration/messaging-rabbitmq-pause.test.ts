import { expect, it } from 'vitest'
import { consume, declareQueues } from '../../src/messaging/rabbitmq.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { tidily } from '../support/leftovers.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { names } from './ledger.ts'
import { record } from './ledger-store.ts'
import { open, openDesk } from './rabbitmq-helpers.ts'

const LONG = { timeout: 60_000 }
const rules = { name: 'ledger', delivers: 'exactly-once-effect' } as const

describeWith('rabbitmq', (url) => {
  it('a paused consumer leaves what is new to others, and goes on when it is resumed', LONG, async () => {
    const { once, queue, publish, effects, count } = await openDesk(url)
    const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
    const options = { ...rules, connection: () => open(url), once, queue }
    const first = tidily(consume({ ...options, handle }), (one) => one.stop())
    await publish(['first'])
    await until('it works', async () => (await effects()).length === 1)
    await first.pause()
    await sleepMs(200)
    await publish(names('m', 10))
    await until('they are left in the queue', async () => (await count()) === 10)
    const other = tidily(consume({ ...options, handle }), (one) => one.stop())
    await until('the other one has handled them', async () => (await effects()).length === 11)
    await other.stop()
    await publish(['last'])
    await sleepMs(200)
    expect(await effects()).toHaveLength(11)
    first.resume()
    await until('it goes on', async () => (await effects()).length === 12)
  })

  it('a pause outlasts a lost connection and a queue that was deleted', LONG, async () => {
    const { once, queue, channel, publish, effects, count } = await openDesk(url)
    const proxy = tidily(await createProxy(Number(new URL(url).port)), (one) => one.close())
    const through = new URL(url)
    through.port = String(proxy.port)
    let opened = 0
    const connection = () => open(through.href).finally(() => opened++)
    const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
    const options = { ...rules, connection, once, queue, handle }
    const consumer = tidily(consume(options), (one) => one.stop())
    await consumer.pause()
    await publish(['a'])
    await until('it is connected', () => opened === 1)
    proxy.cut()
    proxy.resume()
    await until('it is connected again', () => opened === 2)
    await sleepMs(500)
    expect(await count()).toBe(1)
    consumer.resume()
    await until('it goes on', async () => (await effects()).length === 1)
    await consumer.pause()
    await until('its consumer has ended', async () => (await channel.checkQueue(queue)).consumerCount === 0)
    await channel.deleteQueue(queue)
    consumer.resume()
    await until('it is connected once more', () => opened === 3)
    await declareQueues(channel, queue)
    // The broker may refuse it for the quorum queue of that name that the channel knew, until it hears of its end.
    const taken = () =>
      publish(['b']).then(
        () => true,
        () => false,
      )
    await until('the new queue takes it', taken)
    await until('it has gone on', async () => (await effects()).length === 2)
  })
})
