import { expect, it } from 'vitest'
import { type ConsumerEvent, consume, Unprocessable } from '../../src/messaging/kafka.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { openDesk, quick } from './kafka-helpers.ts'
import { names } from './ledger.ts'
import { record } from './ledger-store.ts'

const LONG = { timeout: 90_000 }

type Desk = Pick<Awaited<ReturnType<typeof openDesk>>, 'from' | 'once' | 'behind'>

/** Consumes until nothing is left, and says of each message whether the group may have been given it before. */
async function consumed({ from, once, behind }: Desk, seen: string[]): Promise<void> {
  const onEvent = (event: ConsumerEvent) => {
    if (event.type === 'settled') seen.push(`${event.delivery.id} ${event.delivery.redelivered}`)
  }
  const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
  const consumer = consume({ ...quick, ...from, once, handle, onEvent, concurrency: 1 })
  await until('all is committed', async () => (await behind()) === 0)
  await consumer.stop()
}

describeWith('kafka', (url) => {
  it(
    'what is running when its partition is given away is not committed, and found done by the next',
    LONG,
    async () => {
      const { from, once, send, committed, behind } = await openDesk(url, 2)
      const ids = ['m0', 'm1']
      for (const [partition, id] of ids.entries()) await send({ partition, value: id, headers: { 'onlyonce-id': id } })
      let release = () => {}
      const released = new Promise<void>((resolve) => {
        release = resolve
      })
      const starts: string[] = []
      const settled: string[] = []
      const start = (name: string) => {
        const handle = async ({ id }: { id: string }) => {
          starts.push(id)
          await released
        }
        const onEvent = (event: ConsumerEvent) => {
          if (event.type !== 'settled') return
          const { delivery, verdict } = event
          settled.push(`${name} ${delivery.id} ${verdict.kind} ${delivery.redelivered === true ? 'again' : 'first'}`)
        }
        const rules = {
          ...quick,
          ...from,
          once,
          handle,
          onEvent,
          delivers: 'at-least-once',
          visibilityMs: 150,
        } as const
        return tidily(consume(rules), (one) => one.stop())
      }
      start('one')
      await until('both have begun', () => starts.length === 2)
      const second = start('two')
      await until('the second has one of them', () => second.running === 1)
      await until('the first has lost both', async () => (await committed()).size === 2)
      await new Promise((resolve) => setTimeout(resolve, 500))
      expect([...(await committed()).values()]).toEqual([0, 0])
      release()
      await until('all is committed', async () => (await behind()) === 0)
      expect(starts.toSorted()).toEqual(ids)
      // Each was lost by the first while it ran, and acknowledged when it came again, here or there.
      expect(settled.filter((one) => one.endsWith('none first')).toSorted()).toEqual([
        'one m0 none first',
        'one m1 none first',
      ])
      const acks = settled.filter((one) => one.includes('ack'))
      expect(acks.map((one) => one.slice(4)).toSorted()).toEqual(['m0 ack again', 'm1 ack again'])
      expect(acks.map((one) => one.slice(0, 3)).toSorted()).toEqual(['one', 'two'])
    },
  )

  it('knows which messages nobody of the group was given, also after a restart', LONG, async () => {
    const { from, once, publish, behind } = await openDesk(url, 1)
    const seen: string[] = []
    for (const round of ['a', 'b']) {
      await publish(names(round, 3))
      await consumed({ from, once, behind }, seen)
    }
    expect(seen).toEqual([...names('a', 3).map((id) => `${id} maybe`), ...names('b', 3).map((id) => `${id} false`)])
  })

  it('is sure of nothing in the log when the group has lost its offsets, also after a restart', LONG, async () => {
    const desk = await openDesk(url, 1)
    const { from, admin, topic, publish, committed, effects } = desk
    const seen: string[] = []
    await publish(names('m', 3))
    await consumed(desk, seen)
    await admin.deleteGroups([from.groupId])
    expect((await committed()).get(0)).toBe(-1)
    await consumed(desk, seen)
    await admin.resetOffsets({ groupId: from.groupId, topic, earliest: true })
    await consumed(desk, seen)
    expect(seen).toEqual([...names('m', 3), ...names('m', 3), ...names('m', 3)].map((id) => `${id} maybe`))
    expect(await effects()).toEqual(names('m', 3))
  })

  it('is on record with what it may hand over before it does', LONG, async () => {
    const { from, once, admin, topic, publish } = await openDesk(url, 1)
    await publish(names('m', 3))
    const marks: string[] = []
    const handle = async () => {
      const [of] = await admin.fetchOffsets({ groupId: from.groupId, topics: [topic] })
      marks.push(String(of?.partitions[0]?.metadata))
    }
    const rules = { ...quick, ...from, delivers: 'at-least-once', once, handle, concurrency: 1 } as const
    tidily(consume(rules), (one) => one.stop())
    await until('all are handled', () => marks.length === 3)
    expect(marks[0]).toMatch(/^onlyonce given=\d+$/)
    expect(Number(marks[0]?.split('=')[1])).toBeGreaterThanOrEqual(3)
  })

  it('without a mark of its own it takes everything in the log for known', LONG, async () => {
    const { from, once, admin, topic, publish, behind } = await openDesk(url, 1)
    await publish(names('a', 3))
    await admin.setOffsets({ groupId: from.groupId, topic, partitions: [{ partition: 0, offset: '1' }] })
    const seen: string[] = []
    const handle = ({ id, redelivered }: { id: string; redelivered: boolean }) => void seen.push(`${id} ${redelivered}`)
    tidily(consume({ ...quick, ...from, delivers: 'at-least-once', once, handle }), (one) => one.stop())
    await until('all is committed', async () => (await behind()) === 0)
    await publish(['b'])
    await until('all is committed', async () => seen.length === 3)
    expect(seen).toEqual(['a101 true', 'a102 true', 'b false'])
  })

  it('says so when messages were deleted before it came to them, and goes on', LONG, async () => {
    const { from, once, admin, topic, publish, effects, behind } = await openDesk(url, 1)
    await publish(names('m', 10))
    await admin.setOffsets({ groupId: from.groupId, topic, partitions: [{ partition: 0, offset: '2' }] })
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '6' }] })
    const failures: string[] = []
    const onEvent = (event: ConsumerEvent) =>
      void (event.type === 'broker-failed' && failures.push(`${event.verb} ${event.error}`))
    const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
    tidily(consume({ ...quick, ...from, once, handle, onEvent }), (one) => one.stop())
    await until('all is committed', async () => (await behind()) === 0)
    expect(await effects()).toEqual(names('m', 10).slice(6))
    expect(failures[0]).toContain(`${topic}/0: messages from offset 2 are gone, consuming from 6`)
  })

  it('a message that cannot be put aside stays where it is', LONG, async () => {
    const { from, once, publish, committed } = await openDesk(url, 1)
    await publish(['bad', 'good'])
    const failures: string[] = []
    const done: string[] = []
    const onEvent = (event: ConsumerEvent) => void (event.type === 'broker-failed' && failures.push(event.verb))
    const handle = ({ id }: { id: string }) => {
      if (id === 'bad') throw new Unprocessable('no such customer')
      done.push(id)
    }
    const rules = { ...quick, ...from, delivers: 'at-least-once', declare: false, once, handle, onEvent } as const
    const consumer = tidily(consume(rules), (one) => one.stop())
    await until('it was refused', () => failures.includes('settle') && done.length === 1)
    await consumer.stop()
    expect((await committed()).get(0)).toBe(0)
  })

  it('says so when the members of its group consume different topics', LONG, async () => {
    const { from, once, admin, topic } = await openDesk(url, 1)
    const other = `${topic}-other`
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: other, numPartitions: 1 }] })
    const failures: Record<string, string[]> = { [topic]: [], [other]: [] }
    for (const [one, told] of Object.entries(failures)) {
      const onEvent = (event: ConsumerEvent) => void (event.type === 'broker-failed' && told.push(String(event.error)))
      tidily(consume({ ...quick, ...from, topic: one, once, handle: () => {}, onEvent }), (consumer) => consumer.stop())
    }
    await until('both say so', () => Object.values(failures).every((told) => told.length > 0))
    expect(failures[other]?.[0]).toBe(
      `Error: kafka: a member of group ${from.groupId} consumes ${topic}, this one ${other}: some of it is handed to nobody. Give consumers of other topics another \`groupId\``,
    )
  })

  it('asks for how long the topic keeps its messages', LONG, async () => {
    const { from, once, admin, topic, publish, effects } = await openDesk(url, 1)
    const keep = { type: 2, name: topic, configEntries: [{ name: 'retention.ms', value: String(2 * 10 ** 9) }] }
    await admin.alterConfigs({ validateOnly: false, resources: [keep] })
    await publish(['m'])
    const failures: string[] = []
    const onEvent = (event: ConsumerEvent) => void (event.type === 'broker-failed' && failures.push(`${event.error}`))
    const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
    const consumer = tidily(consume({ ...quick, ...from, once, handle, onEvent, strict: true }), (one) => one.stop())
    await until('it was refused', () => failures.length > 1)
    await consumer.stop()
    expect(failures[0]).toContain('`retentionMs` must not be shorter than the 2000000000 ms')
    expect(await effects()).toEqual([])
  })

  it('a topic that is only compacted keeps messages for ever', LONG, async () => {
    const { kafka, once, admin, topic } = await openDesk(url, 1)
    const kept = `${topic}-kept`
    const configEntries = [{ name: 'cleanup.policy', value: 'compact' }]
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: kept, numPartitions: 1, configEntries }] })
    const failures: string[] = []
    const onEvent = (event: ConsumerEvent) => void (event.type === 'broker-failed' && failures.push(`${event.error}`))
    const rules = { ...quick, kafka, once, name: 'ledger', topic: [topic, kept], groupId: kept, strict: true } as const
    const consumer = tidily(consume({ ...rules, handle: () => {}, onEvent }), (one) => one.stop())
    await until('it was refused', () => failures.some((one) => one.includes('the time without end')))
    await consumer.stop()
  })

  it('refuses options that it cannot keep', async () => {
    const { from, once } = await openDesk(url, 1)
    const good = { ...quick, ...from, once, handle: () => {} }
    const wrong = (more: object) => () => consume({ ...good, ...more })
    expect(wrong({ kafka: {} })).toThrow(/option `kafka` is required/)
    expect(wrong({ topic: '' })).toThrow(/option `topic` is required/)
    expect(wrong({ topic: ['a', 'a'] })).toThrow(/option `topic`/)
    expect(wrong({ topic: 'orders/paid' })).toThrow(/option `topic`/)
    expect(wrong({ groupId: '' })).toThrow(/option `groupId`/)
    expect(wrong({ order: 'none' })).toThrow(/option `order`/)
    expect(wrong({ declare: 1 })).toThrow(/option `declare`/)
    expect(wrong({ consumer: { groupId: 'x' } })).toThrow(/option `consumer.groupId` is set by onlyonce/)
    expect(wrong({ prefetch: -1 })).toThrow(/option `prefetch`/)
    expect(wrong({ pollMs: 5 })).toThrow(/option `pollMs`/)
  })
})
