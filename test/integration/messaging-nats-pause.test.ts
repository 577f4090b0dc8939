import { expect, it } from 'vitest'
import { gate } from '../../src/testing/messaging-conformance/waiting.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { names } from './ledger.ts'
import { record } from './ledger-store.ts'
import { openDesk, start } from './nats-helpers.ts'

const LONG = { timeout: 90_000 }

describeWith('nats', (url) => {
  it('a paused consumer leaves what is new to others, and goes on when it is resumed', LONG, async () => {
    const desk = await openDesk(url)
    const paused = start(desk, ({ id }, tx) => void record(id, tx))
    await desk.publish(['first'])
    await until('it works', async () => (await desk.effects()).length === 1)
    await paused.consumer.pause()
    const ids = names('m', 40)
    await desk.publish(ids, 'one key')
    // So that it has asked for all it would ask for.
    await sleepMs(2_500)
    expect(paused.settled).toEqual(['first ack'])
    const other = start(desk, ({ id }, tx) => void record(id, tx))
    await until('the other one has handled them', () => other.settled.length >= ids.length)
    expect((await desk.effects()).slice(1)).toEqual(ids)
    await other.consumer.stop()
    await desk.publish(['last'])
    paused.consumer.resume()
    await until('it goes on', () => paused.settled.includes('last ack'))
  })

  it('keeps the order when one fails during a pause', LONG, async () => {
    const desk = await openDesk(url)
    const ids = names('m', 5)
    await desk.publish(ids, 'one key')
    let begun = 0
    const door = gate()
    const { consumer, settled } = start(desk, async ({ id }, tx) => {
      if (++begun > 1) return record(id, tx)
      await door.passed
      throw new Error('the first time')
    })
    await until('it runs', () => begun === 1)
    await consumer.pause()
    // So that it has given back what it gives back.
    await sleepMs(1_500)
    door.open()
    await until('it has failed', () => settled.length === 1)
    await sleepMs(500)
    consumer.resume()
    await until('all are settled', () => settled.length > ids.length)
    expect(await desk.effects()).toEqual(ids)
  })
})
