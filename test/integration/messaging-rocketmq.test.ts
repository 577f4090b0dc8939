import type { Producer, SimpleConsumer } from 'rocketmq-client-nodejs'
import { expect, expectTypeOf, it } from 'vitest'
import {
  type ConsumerEvent,
  consume,
  deadTopic,
  type RocketConsumer,
  Unprocessable,
} from '../../src/messaging/rocketmq.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { settledBy } from './ledger.ts'
import { record } from './ledger-store.ts'
import { atLast, openDesk } from './rocketmq-helpers.ts'

const LONG = { timeout: 90_000 }

describeWith('rocketmq', (url) => {
  const rules = { name: 'ledger', delivers: 'exactly-once-effect', backoffMs: 20, maxBackoffMs: 100 } as const

  it('takes the clients of rocketmq-client-nodejs', () => {
    expectTypeOf<SimpleConsumer>().toExtend<RocketConsumer>()
    expectTypeOf<Producer>().toExtend<Parameters<typeof consume>[0]['producer']>()
  })

  it('a message that is published twice takes effect once, and both are acknowledged', LONG, async () => {
    const { once, producer, consumer, publish, effects } = await openDesk(url)
    await publish(['a', 'a', 'b'])
    const settled = await settledBy(3, (onEvent) => {
      const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
      atLast(consume({ ...rules, once, producer, consumer, onEvent, handle }), (one) => one.stop())
    })
    expect(settled.sort()).toEqual(['a ack', 'a ack', 'b ack'])
    expect(await effects()).toEqual(['a', 'b'])
  })

  it('one that fails comes again; one that always fails is put aside whole', LONG, async () => {
    const { once, topic, producer, consumer, publish, effects, read } = await openDesk(url)
    await publish(['bad'], { tag: 'paid', properties: new Map([['shop', 'é😀']]) })
    await publish(['shaky', 'good', 'refused'])
    const starts: string[] = []
    const settled = await settledBy(7, (onEvent) => {
      const handle = ({ id, redelivered }: { id: string; redelivered: boolean }, tx: SqliteTx) => {
        starts.push(id)
        record(id, tx)
        if (id === 'bad') throw new Error('never\nworks')
        if (id === 'refused') throw new Unprocessable('no such customer')
        if (id === 'shaky' && !redelivered) throw new Error('not yet')
      }
      atLast(consume({ ...rules, maxAttempts: 3, once, producer, consumer, onEvent, handle }), (one) => one.stop())
    })
    expect(settled.sort()).toEqual([
      ...['bad dead-letter', 'bad retry', 'bad retry', 'good ack'],
      ...['refused dead-letter', 'shaky ack', 'shaky retry'],
    ])
    expect((await effects()).toSorted()).toEqual(['good', 'shaky'])
    expect(starts.filter((id) => id === 'bad')).toHaveLength(3)
    const parked = (await read(2)).toSorted((a, b) => (a.body.toString() < b.body.toString() ? -1 : 1))
    expect(parked.map(({ body, keys, tag, properties }) => [body.toString(), keys, tag, [...properties]])).toEqual([
      [
        'body of bad',
        ['bad'],
        'paid',
        expect.arrayContaining([
          ['onlyonce-consumer', 'ledger'],
          ['onlyonce-source', expect.stringMatching(`^${topic}/.`)],
          ['onlyonce-reason', 'never works'],
          ['shop', 'é😀'],
        ]),
      ],
      ['body of refused', ['refused'], '', expect.arrayContaining([['onlyonce-reason', 'no such customer']])],
    ])
  })

  it('malformed messages are put aside byte for byte, and large ones handled', LONG, async () => {
    const { once, topic, producer, consumer, effects, read } = await openDesk(url)
    const large = Buffer.alloc(1 << 20, 7)
    await producer.send({ topic, body: Buffer.from([0, 255, 1]) })
    await producer.send({ topic, body: Buffer.from('{'), keys: ['unparsable', 'second'] })
    await producer.send({ topic, body: large, keys: ['a', 'b'], properties: new Map([['onlyonce-id', 'a b']]) })
    await settledBy(3, (onEvent) => {
      const handle = (message: { id: string; json(): unknown; body: Uint8Array }, tx: SqliteTx) => {
        if (message.id === 'unparsable') message.json()
        record(`${message.id} ${Buffer.compare(message.body, large)}`, tx)
      }
      atLast(consume({ ...rules, once, producer, consumer, onEvent, handle }), (one) => one.stop())
    })
    expect(await effects()).toEqual(['a b 0'])
    const parked = (await read(2)).toSorted((a, b) => a.body.length - b.body.length)
    expect(parked.map(({ body, keys }) => [[...body], keys])).toEqual([
      [[...Buffer.from('{')], ['unparsable', 'second']],
      [[0, 255, 1], []],
    ])
    expect(parked[1]?.properties.get('onlyonce-reason')).toContain('the key is empty')
  })

  it('a message whose properties leave no room is put aside without a reason', LONG, async () => {
    const { once, topic, producer, consumer, read } = await openDesk(url)
    const properties = new Map([['onlyonce-id', 'full']])
    properties.set('padding', 'x'.repeat(16_384 - 'onlyonce-id'.length - 'full'.length - 'padding'.length))
    await producer.send({ topic, body: Buffer.from('full'), properties })
    const handle = () => {
      throw new Unprocessable('no such customer')
    }
    await settledBy(1, (onEvent) => {
      atLast(consume({ ...rules, once, producer, consumer, onEvent, handle }), (one) => one.stop())
    })
    const [parked] = await read(1)
    expect([...(parked?.properties ?? [])].toSorted()).toEqual([...properties].toSorted())
  })

  it('a message whose keys leave no room is put aside without a reason', LONG, async () => {
    const { once, topic, producer, consumer, read } = await openDesk(url)
    const keys = ['é'.repeat(4_000), 'x'.repeat(8_384)]
    await producer.send({ topic, body: Buffer.from('full'), keys })
    await settledBy(1, (onEvent) => {
      atLast(consume({ ...rules, once, producer, consumer, onEvent, handle: () => {} }), (one) => one.stop())
    })
    const [parked] = await read(1)
    expect([parked?.keys, [...(parked?.properties ?? [])]]).toEqual([keys, []])
  })

  it('a message that cannot be put aside stays where it is', LONG, async () => {
    const { once, producer, consumer, publish, read } = await openDesk(url)
    await publish(['bad'])
    const failures: string[] = []
    let missing = true
    const handle = () => {
      throw new Unprocessable('no such customer')
    }
    const onEvent = (event: ConsumerEvent) =>
      void (event.type === 'broker-failed' && failures.push(`${event.verb} ${event.error}`))
    const dead = { deadTopic: (topic: string) => (missing ? 'there_is_no_such_topic' : deadTopic(topic)) }
    atLast(consume({ ...rules, ...dead, once, producer, consumer, onEvent, handle }), (one) => one.stop())
    await until('it was refused', () => failures.length > 0)
    expect(failures[0]).toContain('settle NotFoundException')
    await sleepMs(300)
    expect(failures.length).toBeLessThan(5)
    missing = false
    expect((await read(1)).map(({ keys }) => keys)).toEqual([['bad']])
  })

  it('a wrong option is refused', async () => {
    const { once, producer, consumer } = await openDesk(url)
    const good = { ...rules, once, producer, consumer, handle: () => {} }
    const refusals = [
      { ...good, consumer: {} },
      { ...good, producer: undefined },
      { ...good, deadTopic: 'dead' },
      { ...good, concurrency: 0 },
      { ...good, visibilityMs: 13 * 3_600_000 },
      { ...good, maxBackoffMs: 13 * 3_600_000 },
    ].map((given) => {
      try {
        consume(given as never)
        return 'accepted'
      } catch (error) {
        return String(error)
      }
    })
    expect(refusals).toEqual(
      ['consumer', 'producer', 'deadTopic', 'concurrency', 'visibilityMs', 'maxBackoffMs'].map((name) =>
        expect.stringContaining(`option \`${name}\``),
      ),
    )
  })
})
