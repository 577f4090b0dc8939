import { describe, expect, it } from 'vitest'
import { body, messagesOf, open, tempFile } from '../../test/queue-kit.ts'
import { later } from '../../test/support/leftovers.ts'
import { refusal } from '../../test/support/rejections.ts'
import { loadDriver } from '../embedded/driver.ts'
import { type EmbeddedQueueOptions, embeddedQueue } from './embedded-queue.ts'

describe('embeddedQueue', () => {
  it('delivers a message to every queue of its topic, exactly as it was published', async () => {
    const { queue, runtime } = open()
    const message = { id: 'ü\0"1', topic: 'orders', body: Uint8Array.of(0, 255), headers: { h: 'v' }, orderingKey: 'k' }
    await queue.publish([message])
    for (const name of ['coupons', 'mails']) {
      const [received] = await queue.receive(name, 10)
      expect(received).toEqual({ ...message, deliveries: 1, publishedAt: runtime.now(), receipt: expect.any(String) })
    }
  })

  it('answers for each message and refuses what it cannot keep', async () => {
    const { queue, ids } = open()
    const results = await queue.publish([
      { id: 'a', topic: 'audit', body },
      { id: 'b', topic: 'unknown', body },
      { id: '', topic: 'audit', body },
      { id: 'c', topic: 'audit', body: 'text' as unknown as Uint8Array },
      { id: 'd', topic: 'dropped', body },
    ])
    expect(results.map(({ ok }) => ok)).toEqual([true, false, false, false, true])
    expect(results[1]).not.toHaveProperty('permanent')
    expect(results[2]).toMatchObject({ permanent: true })
    expect(await ids()).toEqual(['a'])
  })

  it('answers for what is no message as for any that it cannot keep, and for the others', async () => {
    const { queue, ids } = open()
    const results = await queue.publish([{ id: 'a', topic: 'audit', body }, undefined as never, null as never])
    expect(results.map(({ ok }) => ok)).toEqual([true, false, false])
    expect(await ids()).toEqual(['a'])
  })

  it.each([undefined, { id: 'a', topic: 'audit', body }])(
    'publishes a list, and nothing else (%#)',
    async (messages) => {
      const { queue } = open()
      await expect(queue.publish(messages as never)).rejects.toMatchObject({
        code: 'OPTION_INVALID',
        message: expect.stringMatching(/^option `messages` must be a list/),
      })
    },
  )

  it.each([null, 'a', new Map([['tenant', 'a']]), new Headers({ tenant: 'a' }), ['a'], { a: 1 }])(
    'refuses headers that are no plain object of strings (%#)',
    async (headers) => {
      const { queue, ids } = open()
      const message = { id: 'a', topic: 'orders', body: Uint8Array.of(1), headers }
      expect(await queue.publish([message as never])).toEqual([
        { ok: false, reason: expect.stringContaining('headers'), permanent: true },
      ])
      expect(await ids()).toEqual([])
    },
  )

  it('delivers the same id twice when it is published twice', async () => {
    const { add, ids } = open()
    await add('a')
    await add('a')
    expect(await ids()).toEqual(['a', 'a'])
  })

  it('keeps a received message from others until visibility is over, and counts deliveries', async () => {
    const { add, take, ids, runtime } = open()
    await add('a', 'b')
    expect((await take(1))[0]?.deliveries).toBe(1)
    expect(await ids()).toEqual(['b'])
    await runtime.advance(999)
    expect(await ids()).toEqual([])
    await runtime.advance(1)
    const again = await take()
    expect(again.map(({ id, deliveries }) => [id, deliveries])).toEqual([
      ['a', 2],
      ['b', 2],
    ])
  })

  it('hands out the oldest first', async () => {
    const { add, ids } = open()
    await add(...Array.from({ length: 30 }, (_, i) => `m${i}`))
    expect(await ids(3)).toEqual(['m0', 'm1', 'm2'])
    expect(await ids(3)).toEqual(['m3', 'm4', 'm5'])
  })

  it('knows a receipt until somebody else was given the message, and no longer', async () => {
    const { queue, add, take, runtime } = open()
    await add('a')
    const [first] = await take()
    await runtime.advance(1_500)
    expect(await queue.extend(first!.receipt, 1_000)).toBe('ok')
    expect(await take()).toEqual([])
    await runtime.advance(1_500)
    const [second] = await take()
    for (const answer of [
      queue.ack(first!.receipt),
      queue.extend(first!.receipt, 9_000),
      queue.retry(first!.receipt, 0),
      queue.deadLetter(first!.receipt, 'no'),
      queue.ack('nonsense'),
    ]) {
      expect(await answer).toBe('lost')
    }
    expect(await queue.ack(second!.receipt)).toBe('ok')
    expect(await queue.ack(second!.receipt)).toBe('lost')
    expect(await queue.stats()).toEqual(new Map())
  })

  it('puts a message off', async () => {
    const { queue, add, take, ids, runtime } = open()
    await add('a')
    const [one] = await take()
    expect(await queue.retry(one!.receipt, 5_000)).toBe('ok')
    expect(await queue.ack(one!.receipt)).toBe('lost')
    await runtime.advance(4_999)
    expect(await queue.hasDue('ledger')).toBe(false)
    await runtime.advance(1)
    expect(await queue.hasDue('ledger')).toBe(true)
    expect(await ids()).toEqual(['a'])
  })

  it('keeps dead letters with reason and bytes until they are redriven or discarded', async () => {
    const { queue, add, take, runtime } = open()
    await add(['a', 'k'], ['b', 'k'], 'c')
    for (const { receipt } of await take()) await queue.deadLetter(receipt, 'poison')
    const dead = await queue.deadLetters('ledger')
    expect(dead).toEqual([
      expect.objectContaining({ id: 'a', body, orderingKey: 'k', reason: 'poison', deliveries: 1 }),
      expect.objectContaining({ id: 'c', reason: 'poison' }),
    ])
    expect(dead[0]?.deadAt.getTime()).toBe(runtime.now())
    expect((await queue.stats()).get('ledger')).toEqual({ ready: 1, out: 0, behind: 0, dead: 2 })
    expect(await queue.deadLetters('ledger', { after: dead[0]!.position, limit: 1 })).toMatchObject([{ id: 'c' }])
    expect(await queue.discard('ledger', [dead[1]!.position, 999])).toBe(1)
    expect(await queue.redrive('ledger')).toBe(1)
    expect(await queue.redrive('ledger')).toBe(0)
    // It lost its place: b went on meanwhile, and now comes first.
    const [b] = await take()
    expect(b).toMatchObject({ id: 'b' })
    await queue.ack(b!.receipt)
    expect(await take()).toMatchObject([{ id: 'a', body, deliveries: 2 }])
  })

  it('hands out one message of an ordering key at a time, in order, whatever becomes of it', async () => {
    const { queue, add, take, ids, runtime } = open()
    await add(['a1', 'a'], ['a2', 'a'], ['b1', 'b'])
    await add(['a3', 'a'], ['a4', 'a'])
    const first = await take()
    expect(first.map(({ id }) => id)).toEqual(['a1', 'b1'])
    expect(await ids()).toEqual([])
    await queue.retry(first[0]!.receipt, 2_000)
    await runtime.advance(1_999)
    expect(await ids()).toEqual(['b1'])
    await runtime.advance(1)
    const [again] = await take()
    expect(again).toMatchObject({ id: 'a1', deliveries: 2 })
    await queue.ack(again!.receipt)
    const [second] = await take()
    expect(second!.id).toBe('a2')
    await queue.deadLetter(second!.receipt, 'no')
    const third = await take()
    expect(third.map(({ id }) => id)).toEqual(['a3'])
    await runtime.advance(1_000)
    expect(await ids()).toEqual(['b1', 'a3'])
    await runtime.advance(1_000)
    const last = await take()
    await Promise.all(last.map(({ receipt }) => queue.ack(receipt)))
    expect(await ids()).toEqual(['a4'])
  })

  it('shares the file with other connections, and works on a connection of the caller', async () => {
    const path = tempFile()
    const one = open({ path })
    const database = (await loadDriver())(path)
    later(() => database.close())
    const two = open({ database, path: undefined } as unknown as EmbeddedQueueOptions)
    await one.add('a', 'b')
    expect(await two.ids(1)).toEqual(['a'])
    expect(await one.ids()).toEqual(['b'])
    await two.queue.close()
    expect(database.prepare('SELECT count(*) AS n FROM onlyonce_queue').all()).toEqual([{ n: 2 }])
  })

  it('refuses a file of a newer version, and calls after close', async () => {
    const path = tempFile()
    const one = open({ path })
    await one.add('a')
    await one.queue.close()
    await one.queue.close()
    await expect(one.queue.receive('ledger', 1)).rejects.toMatchObject({ code: 'CLOSED' })
    const database = (await loadDriver())(path)
    database.exec('UPDATE onlyonce_queue_meta SET number = 99')
    database.close()
    const newer = open({ path })
    await expect(newer.queue.receive('ledger', 1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })

  it('finishes what was begun before it is closed, as the next commit or behind one that is under way', async () => {
    const path = tempFile()
    const one = open({ path })
    await one.add('a', 'b')
    const [a, b] = await one.take()
    const many = messagesOf(Array.from({ length: 2_500 }, (_, n) => `m${n}`))
    const begun = [one.queue.ack(a!.receipt), one.queue.publish(many), one.queue.publish(messagesOf(['last']))]
    await one.queue.ack(b!.receipt)
    const retried = one.queue.ack(b!.receipt)
    await one.queue.close()
    expect(await begun[0]).toBe('ok')
    expect(await retried).toBe('lost')
    expect(new Set((await Promise.all(begun)).slice(1).flat())).toEqual(new Set([{ ok: true }]))
    expect((await open({ path }).queue.stats()).get('ledger')).toMatchObject({ ready: 2_501, out: 0 })
    await expect(one.queue.ack(a!.receipt)).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('tells all calls that wait for the next commit at once that another process holds the write lock', async () => {
    const path = tempFile()
    const { queue, runtime, add } = open({ path, busyTimeoutMs: 1_000 })
    await add('a')
    const other = (await loadDriver())(path)
    later(() => other.close())
    other.exec('BEGIN IMMEDIATE')
    const told = Promise.all(['b', 'c', 'd'].map((id) => refusal(queue.publish(messagesOf([id])))))
    for (let turn = 0; turn < 15; turn++) await runtime.advance(100)
    other.exec('ROLLBACK')
    await runtime.advance(10_000)
    const held = expect.stringContaining('has held the write lock')
    expect(await told).toMatchObject(Array(3).fill({ code: 'STORE_UNAVAILABLE', message: held }))
    await add('e')
  })

  it('answers for each message, also where one is nothing at all', async () => {
    const { queue, ids } = open()
    expect(await queue.publish([...messagesOf(['a']), null as never, undefined as never])).toEqual([
      { ok: true },
      expect.objectContaining({ ok: false, permanent: true }),
      expect.objectContaining({ ok: false, permanent: true }),
    ])
    expect(await ids()).toEqual(['a'])
  })

  it.each([[undefined], [0], [1.5], ['1']])('refuses to receive %s messages', async (max) => {
    const { queue } = open({ path: tempFile() })
    await expect(queue.receive('ledger', max as number)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  it.each([
    ['path', {}],
    ['an object with path, ', 'queue.db'],
    ['path', { path: 'https://example.com' }],
    ['visibilityMs', { path: 'x', visibilityMs: 0 }],
    ['durability', { path: 'x', durability: 'none' }],
    ['subscriptions.t', { path: 'x', subscriptions: { t: 'q' } }],
    ['subscriptions.t', { path: 'x', subscriptions: { t: [''] } }],
    ['pat', { pat: 'x' }],
    ['runtime', { path: 'x', runtime: {} }],
  ])('refuses a bad %s', (name, options) => {
    expect(() => embeddedQueue(options as EmbeddedQueueOptions)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(name) }),
    )
  })
})
