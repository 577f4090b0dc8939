import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { systemRuntime } from '../../src/core/runtime.ts'
import { onlyonce } from '../../src/index.ts'
import { labelsOf } from '../../src/messaging/headers.ts'
import { createGroup } from '../../src/messaging/redis-streams/group.ts'
import { checkedSource } from '../../src/messaging/redis-streams/options.ts'
import { sendWith } from '../../src/messaging/redis-streams/port.ts'
import { consume, deadStream, publisher, type RedisStreamsClient } from '../../src/messaging/redis-streams.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { tidily } from '../support/leftovers.ts'
import { LIBRARIES, openClient } from '../support/redis.ts'
import { describeWith, describeWithFresh } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { names } from './ledger.ts'
import { clientOf, openDesk } from './redis-streams-helpers.ts'

const LONG = { timeout: 60_000 }

function groupOn(client: RedisStreamsClient, stream: string, consumer: string, deleteHandled = false) {
  const source = checkedSource({ stream, consumer, takeOverMs: 2_000, deleteHandled }, 'ledger', 20, () => 'x')
  return createGroup(sendWith(client, systemRuntime), source)
}

describeWith('redis', (url) => {
  it('whoever lost a message cannot acknowledge it, put it aside, keep it or give it back', LONG, async () => {
    const { client, stream, publish, pending, dead } = await openDesk(url)
    const [slow, fast] = ['slow', 'fast'].map((name) => groupOn(client, stream, name))
    expect(await slow!.make(false)).toBe(true)
    expect(await fast!.make(false)).toBe(false)
    await publish(['a'])
    const read = await slow!.fetch(10, 0, '')
    if (!('given' in read)) throw new Error('nothing was there to be missing')
    const [entry] = read.entries
    const at = entry!.at
    expect(await slow!.keep([at])).toEqual(['ok'])
    expect((await fast!.claim('0-0', 10)).entries).toEqual([])
    await sleepMs(2_100)
    expect((await fast!.claim('0-0', 10)).entries.map((one) => one.at)).toEqual([at])
    expect(await slow!.keep([at])).toEqual(['lost'])
    await slow!.ack([at])
    await slow!.bury(entry!, labelsOf('slow', at, 'no'), false)
    await slow!.giveBack([[at, 0]])
    expect(await client.xpending(stream, 'ledger', '-', '+', 10)).toEqual([[at, 'fast', expect.any(Number), 1 + 1]])
    expect(await dead()).toEqual([])
    await fast!.bury(entry!, labelsOf('fast', at, 'yes'), false)
    expect(await pending()).toBe(0)
    expect(await dead()).toMatchObject([
      { id: 'a', 'onlyonce-reason': 'yes', 'onlyonce-consumer': 'fast', 'onlyonce-source': at },
    ])
  })

  it('what is given back comes when it is due, and not before', LONG, async () => {
    const { client, stream, publish } = await openDesk(url)
    const source = checkedSource({ stream, consumer: 'a', takeOverMs: 5_000 }, 'ledger', 20, () => 'x')
    const group = createGroup(sendWith(client, systemRuntime), source)
    await group.make(false)
    await publish(['now', 'later'])
    const read = await group.fetch(10, 0, '')
    const [now, later] = 'given' in read ? read.entries.map(({ at }) => at) : []
    const gave = performance.now()
    await group.giveBack([
      [now!, 0],
      [later!, 3_000],
    ])
    expect((await group.claim('0-0', 10)).entries.map(({ at }) => at)).toEqual([now])
    await until('the other is due', async () => (await group.claim('0-0', 10)).entries.length === 1)
    expect(performance.now() - gave).toBeGreaterThan(2_900)
  })

  it('a consumer that has something is not removed, and its messages are not forgotten', LONG, async () => {
    const { client, stream, publish, pending, consumers } = await openDesk(url)
    const group = groupOn(client, stream, 'mine')
    await group.make(false)
    await publish(['a'])
    await group.fetch(10, 0, '')
    await group.leave()
    expect(await pending()).toBe(1)
    await client.xack(stream, 'ledger', (await client.xrange(stream, '-', '+'))[0]![0])
    await group.leave()
    expect(await consumers()).toEqual([])
  })

  it('publishes each for itself: one that is refused does not fail the others', LONG, async () => {
    const { client, stream, send } = await openDesk(url)
    await client.set(`${stream}-text`, 'in the way')
    const message = (id: string, topic: string) => ({ id, topic, body: Buffer.from([0, 255]), headers: { a: 'é' } })
    const answers = await send([
      message('1', stream),
      message('2', `${stream}-text`),
      { ...message('3', stream), orderingKey: 'k' },
    ])
    expect(answers).toEqual([{ ok: true }, { ok: false, reason: expect.stringContaining('WRONGTYPE') }, { ok: true }])
    const entries = await client.xrangeBuffer(stream, '-', '+')
    expect(entries.map(([, fields]) => (fields as unknown as Buffer[]).map((one) => one.toString('latin1')))).toEqual([
      ['id', '1', 'body', '\x00\xff', 'headers', Buffer.from('{"a":"é"}').toString('latin1')],
      [
        ...['id', '3', 'body', '\x00\xff', 'headers', Buffer.from('{"a":"é"}').toString('latin1')],
        ...['orderingKey', 'k'],
      ],
    ])
    const other = publisher({ client, stream: ({ topic }) => `${topic}-2` })
    expect(await other([message('1', stream)])).toEqual([{ ok: true }])
    expect(await client.xlen(`${stream}-2`)).toBe(1)
  })

  it('refuses options at construction', () => {
    const once = onlyonce({ store: memoryStore(), scope: 's' })
    const client = clientOf(url)
    const good = { once, name: 'n', delivers: 'at-least-once', client, stream: 's', handle: () => {} } as const
    const refused = (change: object) =>
      expect(() => consume({ ...good, ...change } as typeof good), JSON.stringify(change))
    for (const [change, words] of [
      [{ client: {} }, '`client` must be a client'],
      [{ client: Object.assign(Object.create(client), { options: { keyPrefix: 'p:' } }) }, 'keyPrefix'],
      [{ stream: '' }, '`stream` is required'],
      [{ stream: 'a}b' }, '`stream` is required'],
      [{ stream: '{}a' }, '`stream` is required'],
      [{ group: '' }, '`group` must be'],
      [{ consumer: 'nobody' }, '`consumer` must be'],
      [{ takeOverMs: 30_000 }, 'greater than visibilityMs (30000)'],
      [{ deleteHandled: 'yes' }, '`deleteHandled` must be'],
      [{ concurrency: 0 }, '`concurrency` must be'],
      [{ blok: 1 }, '`blok` is not an option'],
    ] as const) {
      refused(change).toThrow(
        expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(words) }),
      )
    }
    expect(() => publisher({ client: {} as never })).toThrow(/`client` must be/)
    expect(() => publisher({ client, stream: 'x' as never })).toThrow(/`stream` must be a function/)
    expect(() => publisher({ client, producer: '' })).toThrow(/`producer` must be/)
    expect(() => publisher({ client, topic: '' } as never)).toThrow(/`topic` is not an option/)
  })
})

describeWithFresh('redis-cluster', (start) => {
  it('works on a cluster, where the dead stream is in the same slot', LONG, async () => {
    const cluster = tidily(await start(), (one) => one.stop())
    for (const library of LIBRARIES) {
      const { client, close } = await openClient(library, cluster.url)
      const streams = [`t-${randomUUID().slice(0, 8)}`, `{shop}${randomUUID().slice(0, 8)}`]
      for (const stream of streams) {
        const effects: string[] = []
        const handle = ({ id }: { id: string }) => {
          if (id === 'm101') throw new Error('never works')
          effects.push(id)
        }
        const once = onlyonce({ store: memoryStore(), scope: 's' })
        const rules = { once, name: 'ledger', delivers: 'at-least-once', maxAttempts: 1 } as const
        const consumer = consume({ ...rules, client, stream, handle })
        const batch = names('m', 4).map((id) => ({ id, topic: stream, body: Buffer.from(id), headers: {} }))
        expect(await publisher({ client })(batch)).toEqual(batch.map(() => ({ ok: true })))
        const send = sendWith(client, systemRuntime)
        const dead = deadStream(stream)
        await until('all are settled', async () => effects.length === 3 && (await send(dead, ['XLEN', dead])) === 1)
        await consumer.stop()
        expect(effects.toSorted()).toEqual(['m100', 'm102', 'm103'])
      }
      await close()
    }
  })
})
