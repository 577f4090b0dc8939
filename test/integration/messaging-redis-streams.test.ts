import { createClient } from 'redis'
import { expect, it } from 'vitest'
import { type ConsumerEvent, consume, deadStream, Unprocessable } from '../../src/messaging/redis-streams.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { tidily } from '../support/leftovers.ts'
import { createProxy } from '../support/proxy.ts'
import { LIBRARIES, openClient } from '../support/redis.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { names, settledBy, stumbling } from './ledger.ts'
import { record } from './ledger-store.ts'
import { clientOf, openDesk } from './redis-streams-helpers.ts'

const LONG = { timeout: 60_000 }
const rules = { name: 'ledger', delivers: 'exactly-once-effect', backoffMs: 20, maxBackoffMs: 100 } as const
const recordIt = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)

describeWith('redis', (url) => {
  for (const library of LIBRARIES) {
    it(`a message that is published twice takes effect once, with ${library}`, LONG, async () => {
      const { client, close } = await openClient(library, url)
      tidily(close, (end) => end())
      const { once, stream, publish, effects, pending } = await openDesk(url, client)
      await publish(['a', 'a', 'b'])
      const settled = await settledBy(3, (onEvent) => {
        tidily(consume({ ...rules, client, once, stream, onEvent, handle: recordIt }), (one) => one.stop())
      })
      expect(settled.sort()).toEqual(['a ack', 'a ack', 'b ack'])
      expect(await effects()).toEqual(['a', 'b'])
      await until('both are acknowledged', async () => (await pending()) === 0)
    })
  }

  it('a client that answers in RESP3 does as well', LONG, async () => {
    const client = createClient({ url, RESP: 3 })
    client.on('error', () => {})
    await client.connect()
    tidily(client, (one) => one.destroy())
    const { once, stream, publish, effects } = await openDesk(url, client)
    await publish(['a', 'b'])
    await settledBy(2, (onEvent) => {
      tidily(consume({ ...rules, client, once, stream, onEvent, handle: recordIt }), (one) => one.stop())
    })
    expect(await effects()).toEqual(['a', 'b'])
  })

  it('an entry with thousands of fields is put aside whole, and does not come again', LONG, async () => {
    const { once, stream, client, publish, effects, pending, dead } = await openDesk(url)
    const fields = Array.from({ length: 5_000 }, (_, i) => [`field ${i}`, String(i)])
    await client.xadd(stream, '*', ...fields.flat())
    await publish(['good'])
    const settled = await settledBy(2, (onEvent) => {
      tidily(consume({ ...rules, client, once, stream, onEvent, handle: recordIt }), (one) => one.stop())
    })
    expect(settled.sort()).toEqual([' dead-letter', 'good ack'])
    await until('both are settled', async () => (await pending()) === 0)
    expect(await dead()).toMatchObject([{ ...Object.fromEntries(fields), 'onlyonce-consumer': 'ledger' }])
    expect(await effects()).toEqual(['good'])
  })

  it('one that fails comes again after its pause; one that always fails is put aside whole', LONG, async () => {
    const { once, stream, client, publish, effects, pending, dead } = await openDesk(url)
    await publish(['bad', 'shaky', 'good', 'refused'])
    const starts: string[] = []
    const failedAt: Record<string, number> = {}
    const pauses: number[] = []
    const settled = await settledBy(7, (onEvent) => {
      const handle = ({ id, redelivered }: { id: string; redelivered: boolean }, tx: SqliteTx) => {
        starts.push(id)
        record(id, tx)
        if (id === 'bad') throw new Error('never works')
        if (id === 'refused') throw new Unprocessable('no such customer')
        if (id === 'shaky' && !redelivered) throw new Error('not yet')
        if (id === 'shaky') pauses.push(performance.now() - (failedAt.shaky as number))
      }
      const heard = (event: ConsumerEvent) => {
        if (event.type === 'settled' && event.verdict.kind === 'retry') {
          const { id } = event.delivery
          failedAt[id] = performance.now() - 5 + event.verdict.delayMs
        }
        onEvent(event)
      }
      const options = { ...rules, backoffMs: 400, maxBackoffMs: 400, maxAttempts: 3, client, once, stream }
      tidily(consume({ ...options, onEvent: heard, handle }), (one) => one.stop())
    })
    expect(settled.sort()).toEqual([
      ...['bad dead-letter', 'bad retry', 'bad retry', 'good ack'],
      ...['refused dead-letter', 'shaky ack', 'shaky retry'],
    ])
    expect(pauses[0]).toBeGreaterThan(0)
    expect((await effects()).toSorted()).toEqual(['good', 'shaky'])
    expect(starts.filter((id) => id === 'bad')).toHaveLength(3)
    await until('nothing is pending', async () => (await pending()) === 0)
    const parked = (await dead()).sort((a, b) => ((a.id as string) < (b.id as string) ? -1 : 1))
    const label = { 'onlyonce-consumer': 'ledger', 'onlyonce-source': expect.stringMatching(`^${stream}:\\d+-\\d+$`) }
    expect(parked).toEqual([
      { id: 'bad', body: 'body of bad', headers: '{}', ...label, 'onlyonce-reason': 'never works' },
      { id: 'refused', body: 'body of refused', headers: '{}', ...label, 'onlyonce-reason': 'no such customer' },
    ])
  })

  it('what is not a message of ours is put aside byte for byte; a megabyte is handled', LONG, async () => {
    const { once, stream, client, send, effects } = await openDesk(url)
    const big = Buffer.alloc(2 ** 20, 7)
    const bytes = Buffer.from([0, 255, 1])
    await client.xadd(stream, '*', 'order', '17', 'body', bytes)
    await client.xadd(stream, '*', 'id', 'twice', 'id', 'twice2', 'body', 'b')
    await client.xadd(stream, '*', 'id', Buffer.from([200, 13]), 'body', 'b')
    await client.xadd(stream, '*', 'id', 'h', 'headers', '[not json')
    await client.xadd(stream, '*', 'id', 'h', 'headers', '{"a":{"b":1}}')
    await client.xadd(stream, '*', 'id', 'h', 'headers', '{}', 'headers', '{}')
    await send([{ id: 'big', topic: stream, body: big, headers: { kind: 'é' } }])
    const seen: unknown[] = []
    const settled = await settledBy(7, (onEvent) => {
      const handle = (message: { id: string; body: Uint8Array; headers: object; source: string }, tx: SqliteTx) => {
        seen.push(Buffer.compare(message.body, big), message.headers, message.source)
        record(message.id, tx)
      }
      tidily(consume({ ...rules, client, once, stream, onEvent, handle }), (one) => one.stop())
    })
    expect(settled.sort()).toEqual([...Array(6).fill(' dead-letter'), 'big ack'])
    expect(seen).toEqual([0, { kind: 'é' }, stream])
    expect(await effects()).toEqual(['big'])
    const dead = (await client.xrangeBuffer(deadStream(stream), '-', '+')) as unknown as [Buffer, Buffer[]][]
    const [first, ...others] = dead.map(([, words]) => words).sort((a) => (String(a[0]) === 'order' ? -1 : 0))
    expect(first?.slice(0, 4)).toEqual([...['order', '17', 'body'].map((word) => Buffer.from(word)), bytes])
    expect(first?.slice(-2).map(String)).toEqual(['onlyonce-reason', expect.stringContaining('key is empty')])
    const why = others.map((words) => String(words.at(-1)))
    expect(why).toEqual(Array(5).fill(expect.stringContaining('twice, or one that cannot be read')))
  })

  it('an entry without an id can be known by its place, and foreign fields are headers', LONG, async () => {
    const { once, stream, client, effects } = await openDesk(url)
    await client.xadd(stream, '*', 'order', '17')
    await client.xadd(stream, '*', 'order', '17')
    await settledBy(2, (onEvent) => {
      const handle = ({ headers }: { headers: Readonly<Record<string, string>> }, tx: SqliteTx) =>
        void record(headers.order as string, tx)
      const options = { ...rules, client, once, stream, key: 'coordinates', onEvent, handle } as const
      tidily(consume(options), (one) => one.stop())
    })
    expect(await effects()).toEqual(['17', '17'])
  })

  it('a message that cannot be put aside stays where it is', LONG, async () => {
    const { once, stream, client, publish, pending } = await openDesk(url)
    await client.set(deadStream(stream), 'in the way')
    await publish(['bad'])
    const failures: string[] = []
    const onEvent = (event: ConsumerEvent) =>
      void (event.type === 'broker-failed' && failures.push(`${event.verb} ${event.error}`))
    const handle = () => {
      throw new Unprocessable('no such customer')
    }
    const consumer = tidily(consume({ ...rules, client, once, stream, onEvent, handle }), (one) => one.stop())
    await until('it was refused', () => failures.length > 0)
    expect(failures[0]).toContain('WRONGTYPE')
    expect(await pending()).toBe(1)
    await client.del(deadStream(stream))
    await until('it is put aside', async () => (await client.xlen(deadStream(stream))) === 1)
    await consumer.stop()
    expect(await pending()).toBe(0)
  })

  it('handles messages with the same ordering key in order, also when one fails first', LONG, async () => {
    const { once, stream, client, publish, effects } = await openDesk(url)
    for (let i = 100; i < 110; i++) for (const key of ['x', 'y', 'z']) await publish([`${key}${i}`], key)
    const handle = stumbling()
    await settledBy(33, (onEvent) => {
      tidily(consume({ ...rules, client, once, stream, onEvent, handle }), (one) => one.stop())
    })
    const done = await effects()
    for (const key of ['x', 'y', 'z']) expect(done.filter((id) => id.startsWith(key))).toEqual(names(key, 10))
  })

  it('answers that are lost lead to no second effect, and no message is passed over', LONG, async () => {
    const { once, stream, publish, effects, pending } = await openDesk(url)
    const proxy = tidily(await createProxy(Number(new URL(url).port)), (one) => one.close())
    const client = clientOf(`redis://127.0.0.1:${proxy.port}`)
    const ids = names('m', 40)
    for (const id of ids) await publish([id], 'one key')
    let replies = 0
    // Served, and the connection is lost with the answer: reads, acknowledgements, whatever it is.
    proxy.onReply = () => (++replies % 9 === 8 && replies < 60 ? 'cut' : undefined)
    let redelivered = 0
    const onEvent = (event: ConsumerEvent) => {
      if (event.type === 'settled' && event.delivery.redelivered) redelivered++
    }
    const options = { ...rules, client, once, stream, concurrency: 4, prefetch: 4, handle: recordIt, onEvent }
    const consumer = tidily(consume(options), (one) => one.stop())
    await until('all took effect', async () => (await effects()).length >= ids.length, 40_000)
    await until('all are acknowledged', async () => consumer.running === 0 && (await pending()) === 0)
    await consumer.stop()
    expect(await effects()).toEqual(ids)
    expect(redelivered).toBeGreaterThan(0)
  })

  it('a stop finishes what began and gives the rest back at once', LONG, async () => {
    const { once, stream, client, publish, effects, consumers } = await openDesk(url)
    await publish(names('m', 20))
    let began = 0
    const slowly = async ({ id }: { id: string }, tx: SqliteTx) => {
      began++
      await sleepMs(300)
      record(id, tx)
    }
    // Nobody would take over what is left by itself before the test is long over.
    const options = { ...rules, client, once, stream, takeOverMs: 600_000 }
    const first = consume({ ...options, concurrency: 3, handle: slowly })
    await until('some began', () => began === 3)
    await first.stop()
    expect(await effects()).toHaveLength(began)
    expect((await consumers()).map(([, name]) => name)).toEqual(['nobody'])
    tidily(consume({ ...options, handle: recordIt }), (one) => one.stop())
    await until('the rest took effect', async () => (await effects()).length === 20)
    expect((await effects()).toSorted()).toEqual(names('m', 20))
  })

  it('pauses, resumes, and can be told to handle a message again', LONG, async () => {
    const { once, stream, client, publish, effects } = await openDesk(url)
    const consumer = tidily(consume({ ...rules, client, once, stream, handle: recordIt }), (one) => one.stop())
    await publish(['a'])
    await until('it took effect', async () => (await effects()).length === 1)
    await consumer.pause()
    await publish(['b'])
    await sleepMs(300)
    expect(await effects()).toEqual(['a'])
    consumer.resume()
    await until('the second took effect', async () => (await effects()).length === 2)
    expect(await consumer.readmit('a')).toBe(true)
    await publish(['a'])
    await until('it took effect again', async () => (await effects()).length === 3)
  })

  it('a paused consumer goes on with a message that failed', LONG, async () => {
    const { once, stream, client, publish, effects } = await openDesk(url)
    let starts = 0
    const handle = (message: { id: string }, tx: SqliteTx) => {
      if (++starts === 2) return recordIt(message, tx)
      void consumer.pause()
      throw new Error('the first time')
    }
    const consumer = tidily(consume({ ...rules, client, once, stream, handle }), (one) => one.stop())
    await publish(['a'])
    await until('it took effect', async () => (await effects()).length === 1)
  })

  it('handles batches in order, and a message that fails in one alone', LONG, async () => {
    const { once, stream, client, publish, effects, pending, dead } = await openDesk(url)
    const ids = names('m', 40)
    for (const id of ids) await publish([id], 'one key')
    await publish(['bad', ...ids.slice(0, 5)])
    const sizes: number[] = []
    const handle = (messages: readonly { id: string }[], tx: SqliteTx) => {
      sizes.push(messages.length)
      for (const { id } of messages) {
        if (id === 'bad') throw new Unprocessable('no such customer')
        record(id, tx)
      }
    }
    const batch = { maxSize: 10, maxWaitMs: 50 }
    tidily(consume({ ...rules, client, once, stream, batch, handle }), (one) => one.stop())
    await until('all took effect', async () => (await effects()).length >= ids.length && (await pending()) === 0)
    expect(await effects()).toEqual(ids)
    expect(Math.max(...sizes)).toBe(10)
    expect((await dead()).map(({ id }) => id)).toEqual(['bad'])
  })

  it('removes handled entries where it is told to', LONG, async () => {
    const { once, stream, client, publish } = await openDesk(url)
    await publish(['a', 'bad'])
    const handle = ({ id }: { id: string }) => {
      if (id === 'bad') throw new Unprocessable('no')
    }
    const options = { ...rules, client, once, stream, deleteHandled: true, handle }
    tidily(consume(options), (one) => one.stop())
    await until('the stream is empty', async () => (await client.xlen(stream)) === 0)
    expect(await client.xlen(deadStream(stream))).toBe(1)
  })
})
