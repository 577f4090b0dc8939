import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { type ConsumerEvent, consume } from '../../src/messaging/redis-streams.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { tidily } from '../support/leftovers.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith, describeWithFresh } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { names } from './ledger.ts'
import { record } from './ledger-store.ts'
import { clientOf, openDesk } from './redis-streams-helpers.ts'
import { workers } from './workers.ts'

const LONG = { timeout: 150_000 }
const rules = { name: 'ledger', delivers: 'exactly-once-effect', backoffMs: 20, maxBackoffMs: 100 } as const

describeWith('redis', (url) => {
  it('processes that are killed leave each effect once; the message that kills them is put aside', LONG, async () => {
    const { stream, path, publish, effects, pending, dead } = await openDesk(url)
    const ids = names('m', 60)
    await publish([...ids.slice(0, 20), 'killer', ...ids.slice(20)])
    await workers('redis-streams-worker', ['consume', url, stream, path], { kills: 4 })
    await until('all took effect and the killer is put aside', async () => {
      return (await dead()).length > 0 && (await effects()).length >= ids.length
    })
    await until('nothing is pending', async () => (await pending()) === 0)
    expect((await effects()).toSorted()).toEqual(ids)
    const parked = (await dead()).map((one) => [one.id, one['onlyonce-reason']])
    expect(parked[0]).toEqual(['killer', expect.stringMatching(/started \d+ times/)])
    // A process that is killed between the copy and the acknowledgement leaves another copy.
    expect(new Set(parked.map(([id]) => id))).toEqual(new Set(['killer']))
  })

  it('a process that is started again under its name goes on in order', LONG, async () => {
    const { stream, path, publish, effects, pending } = await openDesk(url)
    const ids = names('m', 60)
    for (const id of ids) await publish([id], 'one key')
    const args = ['consume', url, stream, path, 'worker-1']
    const { kills } = await workers('redis-streams-worker', args, { count: 1, kills: 4, afterMs: 400 })
    await until('all took effect', async () => (await effects()).length >= ids.length)
    await until('nothing is pending', async () => (await pending()) === 0)
    expect(kills()).toBeGreaterThan(0)
    expect(await effects()).toEqual(ids)
  })

  it('a consumer that was cut off says nothing about what others took over', LONG, async () => {
    const { stream, publish, pending } = await openDesk(url)
    const proxy = tidily(await createProxy(Number(new URL(url).port)), (one) => one.close())
    const store = memoryStore()
    const effects: string[] = []
    let open: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const settled: string[] = []
    const start = (who: string, port: string) => {
      const options = {
        // Whoever has it renews it; a process that was held up for a moment is not one that died.
        once: onlyonce({ store, scope: 'shop', leaseMs: 10_000 }),
        name: 'ledger',
        delivers: 'at-least-once',
        client: clientOf(`redis://127.0.0.1:${port}`),
        stream,
        visibilityMs: 500,
        takeOverMs: 1_500,
        concurrency: who === 'A' ? 1 : 8,
        prefetch: 8,
        async handle({ id }: { id: string }) {
          if (id === 'slow') await gate
          effects.push(`${id} by ${who}`)
        },
        onEvent(event: ConsumerEvent) {
          if (event.type === 'settled') settled.push(`${who} ${event.delivery.id} ${event.verdict.kind}`)
        },
      } as const
      return tidily(consume(options), (one) => one.stop())
    }
    start('A', String(proxy.port))
    await publish(['slow', 'b', 'c'])
    await until('A has them', async () => (await pending()) === 3)
    proxy.blackhole()
    start('B', new URL(url).port)
    await until('B has handled what A had not begun', () => effects.length === 2)
    proxy.resume()
    open()
    await until('all is settled', async () => settled.length === 6 && (await pending()) === 0)
    expect(effects.toSorted()).toEqual(['b by B', 'c by B', 'slow by A'])
    // What A says of the slow one depends on whether it has heard by then; Redis does not listen to it either way.
    const others = settled.filter((one) => !one.startsWith('A slow'))
    expect(others.toSorted()).toEqual(['A b none', 'A c none', 'B b ack', 'B c ack', 'B slow ack'])
  })

  it(
    'entries that are trimmed are reported when they were given to nobody here, and handled when they were',
    LONG,
    async () => {
      const { stream, client, once, publish, effects, pending } = await openDesk(url)
      await publish(['lost1', 'lost2'])
      await client.xgroup('CREATE', stream, 'ledger', '0')
      await client.xreadgroup('GROUP', 'ledger', 'ghost', 'STREAMS', stream, '>')
      await client.xtrim(stream, 'MAXLEN', 0)
      const errors: string[] = []
      const failed = new Set<string>()
      const settled: string[] = []
      const onEvent = (event: ConsumerEvent) => {
        if (event.type === 'broker-failed') errors.push(String(event.error))
        else settled.push(`${event.delivery.id} ${event.verdict.kind}`)
      }
      const handle = ({ id }: { id: string }, tx: SqliteTx) => {
        if (!failed.has(id)) {
          failed.add(id)
          throw new Error('the first time')
        }
        record(id, tx)
      }
      const times = { visibilityMs: 100, takeOverMs: 200, backoffMs: 3_000, maxBackoffMs: 3_000 }
      tidily(consume({ ...rules, ...times, client, once, stream, handle, onEvent }), (one) => one.stop())
      await until('it is reported', () => errors.length > 0)
      expect(errors[0]).toContain(`2 entries of stream ${stream} were trimmed before they were handled`)
      await publish(['held'])
      await until('it waits for its next try', () => settled.includes('held retry'))
      await client.xtrim(stream, 'MAXLEN', 0)
      await until('it took effect', async () => (await effects()).length === 1)
      await until('it is settled', () => settled.length === 2)
      expect(settled).toEqual(['held retry', 'held ack'])
      expect(await pending()).toBe(0)
    },
  )

  it('what a reading was answered and never arrived is handled first, in order', LONG, async () => {
    const { stream, client, once, publish, effects } = await openDesk(url)
    for (const id of names('m', 6)) await publish([id], 'one key')
    await client.xgroup('CREATE', stream, 'ledger', '0')
    await client.xreadgroup('GROUP', 'ledger', 'me', 'COUNT', 3, 'STREAMS', stream, '>')
    const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
    const options = { ...rules, client, once, stream, consumer: 'me', takeOverMs: 600_000, handle }
    tidily(consume(options), (one) => one.stop())
    await until('all took effect', async () => (await effects()).length === 6)
    expect(await effects()).toEqual(names('m', 6))
  })
})

describeWithFresh('redis', (start) => {
  it('goes on when Redis has lost all it had, with what it was given in hand', LONG, async () => {
    const redis = tidily(await start(), (one) => one.stop())
    const { stream, client, once, publish, effects } = await openDesk(redis.url)
    const errors: string[] = []
    let failed = false
    const onEvent = (event: ConsumerEvent) => void (event.type === 'broker-failed' && errors.push(String(event.error)))
    const handle = ({ id }: { id: string }, tx: SqliteTx) => {
      if (id === 'held' && !failed) {
        failed = true
        throw new Error('the first time')
      }
      record(id, tx)
    }
    const times = { backoffMs: 3_000, maxBackoffMs: 3_000 }
    tidily(consume({ ...rules, ...times, client, once, stream, handle, onEvent }), (one) => one.stop())
    await publish(['a', 'held'])
    await until('the first took effect', async () => failed && (await effects()).length === 1)
    await client.flushall()
    await publish(['b', 'a'])
    await until('all took effect', async () => (await effects()).length >= 3)
    await until('nothing is pending', async () => ((await client.xpending(stream, 'ledger')) as [number])[0] === 0)
    expect((await effects()).toSorted()).toEqual(['a', 'b', 'held'])
    expect(errors.join()).toContain('had lost its group: it was made again')
  })
})

describeWithFresh('redis-aof', (start) => {
  it('goes on after Redis was killed, and every effect is there once', LONG, async () => {
    const redis = tidily(await start(), (one) => one.stop())
    const { stream, client, once, publish, effects } = await openDesk(redis.url)
    const ids = names('m', 60)
    await publish(ids)
    const handle = async ({ id }: { id: string }, tx: SqliteTx) => {
      await sleepMs(10)
      record(id, tx)
    }
    const consumer = tidily(consume({ ...rules, client, once, stream, concurrency: 2, prefetch: 2, handle }), (one) =>
      one.stop(),
    )
    for (const some of [5, 25]) {
      await until('some took effect', async () => (await effects()).length > some)
      await redis.restart('immediate')
    }
    await until('all took effect', async () => (await effects()).length >= ids.length, 60_000)
    await until('nothing is pending', async () => ((await client.xpending(stream, 'ledger')) as [number])[0] === 0)
    await consumer.stop()
    expect((await effects()).toSorted()).toEqual(ids)
  })
})
