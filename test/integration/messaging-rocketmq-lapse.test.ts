import { expect, it } from 'vitest'
import { systemRuntime } from '../../src/core/runtime.ts'
import { onlyonce } from '../../src/index.ts'
import { type ConsumerEvent, consume, type RocketConsumer } from '../../src/messaging/rocketmq.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { createGroup } from '../support/rocketmq.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { names } from './ledger.ts'
import { atLast, openDesk } from './rocketmq-helpers.ts'

const LONG = { timeout: 90_000 }

// What lapses comes again after ten seconds at the earliest: they wait together.
describeWith('rocketmq', (url) => {
  const rules = { name: 'ledger', delivers: 'exactly-once-effect', backoffMs: 20, maxBackoffMs: 100 } as const

  it.concurrent(
    'a delivery that lapsed is not acknowledged, and nothing with its key begins before it',
    LONG,
    async () => {
      const { once, group, producer, consumer, publish } = await openDesk(url, 'FIFO')
      await createGroup(url, group, { inOrder: true })
      await publish(['m0', 'm1', 'm2'], { messageGroup: 'x' })
      const starts: string[] = []
      const settled: string[] = []
      const told: string[] = []
      const open = (name: string, from: () => Promise<RocketConsumer>) => {
        const handle = async ({ id }: { id: string }) => {
          starts.push(`${name} ${id}`)
          if (id === 'm0') await sleepMs(14_000)
        }
        const onEvent = (event: ConsumerEvent) =>
          void (event.type === 'settled' && settled.push(`${name} ${event.delivery.id} ${event.verdict.kind}`))
        const options = {
          ...rules,
          delivers: 'at-least-once',
          once,
          producer,
          consumer: from,
          handle,
          onEvent,
        } as const
        atLast(consume(options), (one) => one.stop())
      }
      /** The real client, of which the broker hears nothing about the first message; in the end it is given no more. */
      let deaf = false
      const cutOff = async (): Promise<RocketConsumer> => {
        const client = await consumer()
        return {
          async receive(max, ms) {
            if (!deaf) return client.receive(max, ms)
            await sleepMs(500)
            return []
          },
          async ack({ keys }) {
            told.push(`ack ${keys[0]}`)
          },
          async changeInvisibleDuration(message, ms) {
            if (message.keys[0] === 'm0') throw new Error('cut')
            await client.changeInvisibleDuration(message as never, ms)
          },
          shutdown: () => client.shutdown(),
        }
      }
      open('first', cutOff)
      await until('the first has begun', () => starts.length > 0)
      // By now it has all three, and what lapses goes to the other one.
      await sleepMs(4_000)
      deaf = true
      open('second', consumer)
      await until(
        'the second has handled the rest',
        () => settled.filter((one) => one.startsWith('second')).length >= 3,
      )
      expect(starts).toEqual(['first m0', 'second m1', 'second m2'])
      // Their acknowledgements are under way together.
      expect(settled.filter((one) => one.startsWith('second')).toSorted()).toEqual([
        'second m0 ack',
        'second m1 ack',
        'second m2 ack',
      ])
      await until('the first knows', () => settled.includes('first m0 none'))
      expect(told).toEqual([])
    },
  )

  it.concurrent('what was kept by asking is acknowledged for good, wherever it stood in its batch', LONG, async () => {
    const { once, producer, consumer, publish } = await openDesk(url)
    await publish(names('m', 4))
    const settled: string[] = []
    const options = { ...rules, delivers: 'at-least-once', once, producer, consumer } as const
    atLast(
      consume({
        ...options,
        handle: () => sleepMs(6_000),
        onEvent: (event) => void (event.type === 'settled' && settled.push(event.delivery.id)),
      }),
      (one) => one.stop(),
    )
    await until('all are settled', () => settled.length >= 4)
    // Asked for after five seconds, so that one that is not forgotten comes after fifteen.
    await sleepMs(16_000)
    expect(settled.toSorted()).toEqual(names('m', 4))
  })

  it.concurrent('what waits longer than the broker keeps it away is kept, and handled in its order', LONG, async () => {
    const { once, group, producer, consumer, publish } = await openDesk(url, 'FIFO')
    await createGroup(url, group, { inOrder: true })
    await publish(['slow', 'next', 'last'], { messageGroup: 'x' })
    const ended: string[] = []
    const settled: string[] = []
    const handle = async ({ id }: { id: string }) => {
      if (id === 'slow') await sleepMs(13_000)
      ended.push(id)
    }
    const onEvent = (event: ConsumerEvent) =>
      void (event.type === 'settled' && settled.push(`${event.delivery.id} ${event.verdict.kind}`))
    const options = { ...rules, delivers: 'at-least-once', once, producer, consumer, handle, onEvent } as const
    for (let i = 0; i < 2; i++) atLast(consume(options), (one) => one.stop())
    await until('all are settled', () => settled.length >= 3)
    expect(ended).toEqual(['slow', 'next', 'last'])
    expect(settled.toSorted()).toEqual(['last ack', 'next ack', 'slow ack'])
  })

  it.concurrent('a long wait for the next try is spent at the broker', LONG, async () => {
    const { store, producer, consumer, publish } = await openDesk(url)
    const runtime = { ...systemRuntime, random: () => 0.99 }
    const once = onlyonce({ store, scope: 'shop', leaseMs: 1_000, runtime })
    await publish(['shaky'])
    const told: number[] = []
    const settled: string[] = []
    const listening = async (): Promise<RocketConsumer> => {
      const client = await consumer()
      return {
        receive: (max, ms) => client.receive(max, ms),
        ack: (message) => client.ack(message as never),
        changeInvisibleDuration(message, ms) {
          told.push(ms)
          return client.changeInvisibleDuration(message as never, ms)
        },
        shutdown: () => client.shutdown(),
      }
    }
    const handle = ({ redelivered }: { redelivered: boolean }) => {
      if (!redelivered) throw new Error('not yet')
    }
    const onEvent = (event: ConsumerEvent) =>
      void (event.type === 'settled' && settled.push(`${event.delivery.id} ${event.verdict.kind}`))
    const slow = { ...rules, delivers: 'at-least-once', backoffMs: 11_000, maxBackoffMs: 11_000 } as const
    atLast(consume({ ...slow, once, producer, consumer: listening, handle, onEvent }), (one) => one.stop())
    await until('it is settled', () => settled.includes('shaky ack'))
    expect(settled).toEqual(['shaky retry', 'shaky ack'])
    expect(told).toEqual([10_890])
  })

  it.concurrent('an acknowledgement that is lost leads to a second delivery and no second effect', LONG, async () => {
    const { once, producer, consumer, publish, effects } = await openDesk(url)
    const ids = names('m', 6)
    await publish(ids)
    let lost = 0
    /** The real client, whose first acknowledgements never leave. */
    const forgetful = async (): Promise<RocketConsumer> => {
      const client = await consumer()
      return {
        receive: (max, ms) => client.receive(max, ms),
        ack: (message) => (lost++ < 2 ? Promise.reject(new Error('cut')) : client.ack(message as never)),
        changeInvisibleDuration: (message, ms) => client.changeInvisibleDuration(message as never, ms),
        shutdown: () => client.shutdown(),
      }
    }
    const settled: string[] = []
    const failures: string[] = []
    const handle = ({ id }: { id: string }, tx: SqliteTx) =>
      void tx.prepare('INSERT INTO effects (id) VALUES (?)').run(id)
    const options = { once, name: 'ledger', delivers: 'exactly-once-effect', producer, consumer: forgetful } as const
    atLast(
      consume({
        ...options,
        handle,
        onEvent(event) {
          if (event.type === 'broker-failed') failures.push(`${event.verb} ${event.error}`)
          else settled.push(`${event.delivery.id} ${event.delivery.redelivered} ${event.verdict.kind}`)
        },
      }),
      (one) => one.stop(),
    )
    await until('two came again', () => settled.length >= ids.length + 2, 60_000)
    expect(failures).toEqual(['settle Error: cut', 'settle Error: cut'])
    expect(settled.filter((line) => line.endsWith('true ack'))).toHaveLength(2)
    expect((await effects()).toSorted()).toEqual(ids)
  })
})
