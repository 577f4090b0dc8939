import { jetstream } from '@nats-io/jetstream'
import { headers } from '@nats-io/transport-node'
import { expect, it } from 'vitest'
import { type Delivery, Unprocessable } from '../../src/messaging/nats.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { tidily } from '../support/leftovers.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { names, stumbling } from './ledger.ts'
import { record } from './ledger-store.ts'
import { type Handle, open, openDesk, start } from './nats-helpers.ts'

const LONG = { timeout: 90_000 }

describeWith('nats', (url) => {
  it('a message that is published twice takes effect once, and both are acknowledged', LONG, async () => {
    const desk = await openDesk(url)
    await desk.publish(['a', 'a', 'b'])
    const { settled } = start(desk, ({ id }, tx) => void record(id, tx))
    await until('all are settled', () => settled.length >= 3)
    expect(settled.sort()).toEqual(['a ack', 'a ack', 'b ack'])
    expect((await desk.effects()).toSorted()).toEqual(['a', 'b'])
    await until('the server has nothing left', desk.isDone)
  })

  it('one that fails comes again; one that always fails is put aside whole', LONG, async () => {
    const desk = await openDesk(url)
    await desk.publish(['bad', 'shaky', 'good', 'refused'])
    const starts: string[] = []
    const handle: Handle = ({ id }, tx) => {
      starts.push(id)
      record(id, tx)
      if (id === 'bad') throw new Error('never works\nat all')
      if (id === 'refused') throw new Unprocessable('no such customer')
      if (id === 'shaky' && starts.filter((one) => one === id).length === 1) throw new Error('not yet')
    }
    const { settled } = start(desk, handle, { maxAttempts: 3 })
    await until('all are settled', () => settled.length >= 7)
    expect(settled.sort()).toEqual([
      ...['bad dead-letter', 'bad retry', 'bad retry', 'good ack'],
      ...['refused dead-letter', 'shaky ack', 'shaky retry'],
    ])
    expect((await desk.effects()).toSorted()).toEqual(['good', 'shaky'])
    expect(starts.filter((id) => id === 'bad')).toHaveLength(3)
    const parked = (await desk.dead()).sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1))
    expect(parked.map(({ id, reason }) => [id, reason])).toEqual([
      ['bad', 'never works at all'],
      ['refused', 'no such customer'],
    ])
    expect(parked.map(({ data }) => Buffer.from(data).toString())).toEqual(['body of bad', 'body of refused'])
    await until('the server has nothing left', desk.isDone)
  })

  it('malformed ones are put aside byte for byte, and the others go on', LONG, async () => {
    const desk = await openDesk(url)
    const send = async (data: Uint8Array, own: readonly (readonly [string, string])[]) => {
      const all = headers()
      for (const [name, value] of own) all.append(name, value)
      await desk.client.publish(desk.subject, data, { headers: all })
    }
    const large = new Uint8Array(1_000_000).fill(7)
    await send(Uint8Array.of(0, 255, 1), [])
    await send(Uint8Array.of(2), [
      ['onlyonce-id', 'p'],
      ['onlyonce-id', 'q'],
    ])
    await send(Uint8Array.of(0, 255, 3), [
      ['onlyonce-id', 'not-json'],
      ['kept', 'ü 😀'],
      ['kept', 'twice'],
    ])
    await send(large, [['onlyonce-id', 'large']])
    await send(new TextEncoder().encode('{}'), [['onlyonce-id', 'good']])
    await send(new TextEncoder().encode('other'), [['onlyonce-id', 'good']])
    const handle = (message: { id: string; body: Uint8Array; json(): unknown }, tx: SqliteTx) => {
      if (message.id === 'large') expect(message.body).toHaveLength(large.length)
      else message.json()
      record(message.id, tx)
    }
    const { settled } = start(desk, handle as never, { concurrency: 1 })
    await until('all are settled', () => settled.length >= 6)
    expect((await desk.effects()).toSorted()).toEqual(['good', 'large'])
    const parked = await desk.dead()
    expect(parked.map(({ id, data }) => [id, [...data].slice(0, 3)])).toEqual([
      ['', [0, 255, 1]],
      // Which of the two it is nobody can tell; both are still there.
      ['p', [2]],
      ['not-json', [0, 255, 3]],
      ['good', [111, 116, 104]],
    ])
    expect(parked[1]?.header?.values('onlyonce-id')).toEqual(['p', 'q'])
    expect(parked[2]?.header?.values('kept')).toEqual(['ü 😀', 'twice'])
    expect(parked[2]?.header?.get('onlyonce-subject')).toBe(desk.subject)
    expect(parked[3]?.reason).toContain('another body')
    for (const { header } of parked) {
      expect(header?.get('onlyonce-consumer')).toBe('ledger')
      expect(header?.get('onlyonce-source')).toMatch(new RegExp(`^${desk.stream}/\\d+$`))
    }
  })

  it.each([
    ['with a part of its reason', 200, 'subject and reason'],
    ['without a reason', 45, 'subject'],
    ['with nothing added', 17, 'nothing'],
  ])('one that is as large as the server takes is put aside %s', LONG, async (_how, room, added) => {
    const desk = await openDesk(url)
    const own = headers()
    own.append('onlyonce-id', 'a')
    const overhead = 'NATS/1.0\r\nonlyonce-id: a\r\n\r\n'.length
    const data = new Uint8Array((desk.connection.info?.max_payload ?? 0) - overhead - room)
    await desk.client.publish(desk.subject, data, { headers: own })
    const { settled } = start(desk, () => {
      throw new Unprocessable(`no such customer ${'ü'.repeat(300)}`)
    })
    await until('it is put aside', () => settled.length > 0)
    await until('the server has nothing left', desk.isDone)
    const [parked] = await desk.dead()
    expect(parked?.id).toBe('a')
    expect(parked?.data).toHaveLength(data.length)
    expect(parked?.header?.get('onlyonce-subject')).toBe(added === 'nothing' ? '' : desk.subject)
    expect(parked?.reason).toMatch(added === 'subject and reason' ? /^no such customer ü*$/ : /^$/)
  })

  it('one without headers that is as large as the server takes is put aside as it is', LONG, async () => {
    const desk = await openDesk(url)
    const data = new Uint8Array(desk.connection.info?.max_payload ?? 0)
    await desk.client.publish(desk.subject, data)
    const { settled } = start(desk, () => {})
    await until('it is put aside', () => settled.length > 0)
    const [parked] = await desk.dead()
    expect(parked?.data).toHaveLength(data.length)
  })

  it('a message that cannot be put aside is kept', LONG, async () => {
    const desk = await openDesk(url)
    await desk.publish(['bad'])
    const handle = () => {
      throw new Unprocessable('no such customer')
    }
    const { consumer, failures, settled } = start(desk, handle)
    await until('it is put aside', () => settled.length === 1)
    await desk.manager.streams.delete(`${desk.stream}-dead`)
    await desk.publish(['worse'])
    await until('it was refused', () => failures.length > 0)
    await sleepMs(300)
    expect(failures.length).toBeLessThan(5)
    await consumer.stop()
    expect(failures[0]).toContain('settle JetStreamNotEnabled')
    await until('it is kept', async () => (await desk.info()).num_ack_pending === 1)
  })

  it('handles messages with the same ordering key in order, also when one fails first', LONG, async () => {
    const desk = await openDesk(url)
    for (let i = 100; i < 110; i++) for (const key of ['x', 'y', 'z']) await desk.publish([`${key}${i}`], key)
    const { settled } = start(desk, stumbling())
    await until('all are settled', () => settled.length >= 33)
    const done = await desk.effects()
    for (const key of ['x', 'y', 'z']) expect(done.filter((id) => id.startsWith(key))).toEqual(names(key, 10))
    expect((await desk.info()).num_redelivered).toBe(0)
  })

  it('an acknowledgement that is lost leads to a second delivery and no second effect', LONG, async () => {
    const desk = await openDesk(url)
    const proxy = tidily(await createProxy(Number(new URL(url).port)), (one) => one.close())
    const ids = names('m', 30)
    await desk.publish(ids)
    let cuts = 0
    proxy.onRequest = (chunk) => (chunk.includes('\r\n+ACK') && cuts < 3 && ++cuts > 0 ? 'cut' : undefined)
    const connection = await open(`nats://127.0.0.1:${proxy.port}`)
    const run = start({ ...desk, connection }, ({ id }, tx) => void record(id, tx), { concurrency: 4 })
    await until('all took effect', async () => (await desk.effects()).length >= ids.length && cuts === 3)
    await until('the server has nothing left', desk.isDone)
    expect((await desk.effects()).toSorted()).toEqual(ids)
    expect(run.redelivered.length).toBeGreaterThan(0)
    expect(run.failures.join()).toContain('the connection to NATS was lost')
  })

  it('takes the place in the stream as the key, and the order from the subject, when told so', LONG, async () => {
    const desk = await openDesk(url)
    const before = Date.now()
    for (let i = 0; i < 4; i++) await desk.client.publish(`${desk.stream}.user.${i % 2}`, `${i}`)
    const seen: string[] = []
    let failed = false
    const handle = (message: Delivery & { text(): string }, tx: SqliteTx) => {
      expect(Math.abs((message.publishedAt ?? 0) - before)).toBeLessThan(60_000)
      seen.push(`${message.coordinates} ${message.source} ${message.orderingKey}`)
      if (message.text() === '0' && !failed) {
        failed = true
        throw new Error('the first time')
      }
      record(message.text(), tx)
    }
    const more = { key: 'coordinates', orderingKey: (subject: string) => subject.split('.')[2] }
    const { settled } = start(desk, handle as never, more)
    await until('all are settled', () => settled.length >= 5)
    const done = await desk.effects()
    expect(done.filter((text) => Number(text) % 2 === 0)).toEqual(['0', '2'])
    expect(done.filter((text) => Number(text) % 2 === 1)).toEqual(['1', '3'])
    expect(seen).toContain(`${desk.stream}/4 ${desk.stream}.user.1 1`)
  })

  it('handles batches, those with the same ordering key in order', LONG, async () => {
    const desk = await openDesk(url)
    for (let i = 100; i < 110; i++) for (const key of ['x', 'y']) await desk.publish([`${key}${i}`], key)
    await desk.publish(['free', 'free'])
    const sizes: number[] = []
    const handle = (messages: readonly { id: string }[], tx: SqliteTx) => {
      sizes.push(messages.length)
      for (const { id } of messages) record(id, tx)
    }
    const { settled } = start(desk, handle as never, { batch: { maxSize: 8, maxWaitMs: 50 } })
    await until('all are settled', () => settled.length >= 22)
    const done = await desk.effects()
    for (const key of ['x', 'y']) expect(done.filter((id) => id.startsWith(key))).toEqual(names(key, 10))
    expect(done).toHaveLength(21)
    expect(Math.max(...sizes)).toBeGreaterThan(1)
    await until('the server has nothing left', desk.isDone)
  })

  it('a stop finishes what began and gives the rest back at once, in order', LONG, async () => {
    const desk = await openDesk(url)
    const ids = names('m', 20)
    await desk.publish(ids)
    let began = 0
    const { consumer } = start(
      desk,
      async ({ id }, tx) => {
        began++
        await sleepMs(300)
        record(id, tx)
      },
      // What was not given back would not come again before the end of the test.
      { concurrency: 3, prefetch: 20, visibilityMs: 120_000 },
    )
    await until('some began', () => began === 3)
    await consumer.stop()
    expect(await desk.effects()).toHaveLength(began)
    const next = await jetstream(desk.connection).consumers.get(desk.stream, 'ledger')
    const got: (string | undefined)[] = []
    for (let i = began; i < 20; i++) got.push((await next.next({ expires: 20_000 }))?.headers?.get('onlyonce-id'))
    expect(got).toEqual(ids.slice(began))
  })

  it('says what is wrong with a stream or consumer, and takes nothing from it', LONG, async () => {
    const desk = await openDesk(url)
    const { stream, manager } = desk
    await desk.publish(['a'])
    const failureOf = async (more: object) => {
      const { consumer, failures } = start(desk, () => {}, more)
      await until('it failed', () => failures.length > 0)
      await consumer.stop()
      return failures[0]
    }
    expect(await failureOf({ stream: 'NONE' })).toBe('receive Error: there is no stream NONE: add it')
    expect(await failureOf({ declare: false })).toContain('no stream takes the deadSubject')
    expect(await failureOf({ deadSubject: `${stream}.dead` })).toContain(`belongs to ${stream} itself`)
    expect(await failureOf({ deadSubject: 'nowhere.at.all' })).toContain('no stream takes the deadSubject nowhere')
    const bad = { durable_name: 'limited', ack_policy: 'explicit' as const, ack_wait: 3e9, max_deliver: 5 }
    await manager.consumers.add(stream, bad)
    expect(await failureOf({ durable: 'limited' })).toContain('has max_deliver 5')
    await manager.consumers.add(stream, { ...bad, durable_name: 'hasty', max_deliver: -1, ack_wait: 1e9 })
    expect(await failureOf({ durable: 'hasty' })).toContain('ack_wait of 1000 ms')
    await manager.consumers.add(stream, { ...bad, durable_name: 'stepped', backoff: [3e9, 9e9] })
    expect(await failureOf({ durable: 'stepped' })).toContain('has a backoff')
    await manager.consumers.add(stream, { ...bad, durable_name: 'bodiless', max_deliver: -1, headers_only: true })
    expect(await failureOf({ durable: 'bodiless' })).toContain('headers without bodies')
    await manager.consumers.add(stream, { durable_name: 'none', ack_policy: 'none' as const })
    expect(await failureOf({ durable: 'none' })).toContain('ack policy none')
    const filtered = { ...bad, durable_name: 'filtered', max_deliver: -1, filter_subject: `${stream}.a` }
    await manager.consumers.add(stream, filtered)
    expect(await failureOf({ durable: 'filtered', subject: `${stream}.b` })).toContain(`filters by ${stream}.a`)
    expect(await failureOf({ durable: 'missing', declare: false, deadSubject: `dead.${stream}.x` })).toContain(
      'has no consumer missing',
    )
    expect(await failureOf({ strict: true })).toContain('retentionMs')
    await manager.streams.update(stream, { max_age: 48 * 3_600e9 })
    expect(await failureOf({ strict: true })).toContain(`the ${48 * 3_600_000} ms for which`)
    expect((await manager.consumers.info(stream, 'ledger')).delivered.consumer_seq).toBe(0)
  })
})
