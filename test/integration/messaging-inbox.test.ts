import { describe, expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { type ConsumerEvent, consume } from '../../src/messaging/embedded-queue.ts'
import { inbox } from '../../src/messaging/inbox.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { message, openShop } from './messaging-helpers.ts'

async function shop() {
  const world = await openShop('')
  const once = onlyonce({ store: world.store, scope: 'shop' })
  const events: ConsumerEvent[] = []
  const onEvent = (event: ConsumerEvent) => void events.push(event)
  const kinds = () => events.flatMap((event) => (event.type === 'settled' ? [event.verdict.kind] : [event.verb]))
  const base = {
    queue: world.queue,
    from: 'ledger',
    once,
    name: 'ledger',
    delivers: 'exactly-once-effect',
    onEvent,
  } as const
  return { ...world, once, kinds, base }
}

describe('an atomic inbox on SQLite', () => {
  it('handles a message that is published many times once', async () => {
    const { queue, effects, kinds, base } = await shop()
    await queue.publish(Array.from({ length: 60 }, (_, i) => message(`m${i % 3}`)))
    const consumer = consume({
      ...base,
      concurrency: 20,
      handle: async ({ id }, tx) => {
        tx.prepare('INSERT INTO effects (id) VALUES (?)').run(id)
        await sleepMs(5)
      },
    })
    await until('all are settled', () => kinds().length === 60)
    await consumer.stop()
    expect(await effects()).toEqual(['m0', 'm1', 'm2'])
    expect(new Set(kinds())).toEqual(new Set(['ack']))
  })

  it('leaves nothing of a failed start, and parks after maxAttempts starts', async () => {
    const { queue, effects, kinds, base } = await shop()
    const starts: number[] = []
    await queue.publish([message('bad'), message('good')])
    const consumer = consume({
      ...base,
      maxAttempts: 3,
      backoffMs: 2,
      handle: ({ id }, tx, op) => {
        tx.prepare('INSERT INTO effects (id) VALUES (?)').run(id)
        if (id === 'good') return
        starts.push(op.starts)
        throw new Error(`bad for the ${op.starts}. time`)
      },
    })
    await until('all are settled', () => kinds().length === 4)
    await consumer.stop()
    expect(starts).toEqual([1, 2, 3])
    expect(await effects()).toEqual(['good'])
    expect(await queue.deadLetters('ledger')).toMatchObject([{ id: 'bad', reason: 'bad for the 3. time' }])
  })

  it('dead-letters another body under a known id with its own bytes', async () => {
    const { queue, effects, kinds, base } = await shop()
    const forged = { ...message('m0'), body: new TextEncoder().encode('{"id":"m0","cents":1}') }
    await queue.publish([message('m0')])
    const consumer = consume({
      ...base,
      handle: ({ id }, tx) => void tx.prepare('INSERT INTO effects (id) VALUES (?)').run(id),
    })
    await until('the first is done', () => kinds().length === 1)
    await queue.publish([forged])
    await until('the second is settled', () => kinds().length === 2)
    await consumer.stop()
    expect(await effects()).toEqual(['m0'])
    const [dead] = await queue.deadLetters('ledger')
    expect(dead).toMatchObject({ id: 'm0', body: forged.body, reason: expect.stringContaining('another body') })
  })

  it('stays parked when it is redriven, until it is readmitted and its starts count anew', async () => {
    const { queue, effects, kinds, base, once } = await shop()
    let failures = 4
    const handle = ({ id }: { id: string }, tx: { prepare(sql: string): { run(id: string): unknown } }) => {
      if (failures-- > 0) throw new Error('broken consumer')
      tx.prepare('INSERT INTO effects (id) VALUES (?)').run(id)
    }
    await queue.publish([message('m0')])
    const consumer = consume({ ...base, maxAttempts: 3, backoffMs: 2, handle })
    await until('it is parked', () => kinds().length === 3)
    await queue.redrive('ledger')
    await until('it is parked again', () => kinds().length === 4)
    await inbox({ once, name: 'ledger', delivers: 'exactly-once-effect', handle }).readmit('m0')
    await queue.redrive('ledger')
    await until('it is handled', () => kinds().length === 6)
    await consumer.stop()
    expect(kinds()).toEqual(['retry', 'retry', 'dead-letter', 'dead-letter', 'retry', 'ack'])
    expect(await effects()).toEqual(['m0'])
  })

  it('answers the redelivery of what is done without writing anything', async () => {
    const { once, store } = await shop()
    const receive = inbox({ once, name: 'ledger', delivers: 'exactly-once-effect', handle: () => {} })
    const { topic: source, ...rest } = message('m0')
    await receive({ ...rest, source, redelivered: false })
    const { items: before } = await store.list({ limit: 10 })
    expect(await receive({ ...rest, source, redelivered: true })).toEqual({ kind: 'ack' })
    const { items: after } = await store.list({ limit: 10 })
    expect(after.map(({ id, fence }) => [id, fence])).toEqual(before.map(({ id, fence }) => [id, fence]))
  })

  it('handles each ordering key in order, also when messages fail at first', async () => {
    const { queue, kinds, base, store } = await shop()
    const failed = new Set<string>()
    const ids = Array.from({ length: 60 }, (_, i) => String(i))
    await queue.publish(ids.map((id) => message(id, `k${Number(id) % 5}`)))
    const consumer = consume({
      ...base,
      backoffMs: 2,
      handle: ({ id }, tx) => {
        tx.prepare('INSERT INTO effects (id) VALUES (?)').run(id)
        if (Number(id) % 7 === 0 && !failed.has(id)) {
          failed.add(id)
          throw new Error('at first')
        }
      },
    })
    await until('all are done', () => kinds().filter((kind) => kind === 'ack').length === 60)
    await consumer.stop()
    const rows = await store.transaction(async (tx) => tx.prepare('SELECT id FROM effects ORDER BY rowid').all())
    const order = rows.map((row) => Number((row as { id: unknown }).id))
    for (let key = 0; key < 5; key++) {
      const seen = order.filter((id) => id % 5 === key)
      expect(seen).toEqual([...seen].sort((a, b) => a - b))
      expect(seen).toHaveLength(12)
    }
  })
})
