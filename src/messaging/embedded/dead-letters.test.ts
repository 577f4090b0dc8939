import { expect, it } from 'vitest'
import { open, tempFile } from '../../../test/queue-kit.ts'
import { onlyonce } from '../../core/engine.ts'
import { loadDriver } from '../../embedded/driver.ts'
import { memoryStore } from '../../stores/memory/index.ts'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import { type ConsumerEvent, consume } from '../embedded-queue.ts'
import { CREATE_META, MIGRATIONS } from './sql.ts'

const HOUR = 3_600_000

it('labels what it puts aside with consumer, source and reason, beside the headers it had', async () => {
  const { queue, take } = open()
  const body = Buffer.from('x')
  const headers = { 'a\u0000"ü😀': 'b\u0000\ud800', 'onlyonce-reason': 'an older one' }
  await queue.publish([{ id: 'a', topic: 'audit', body, headers }])
  const [taken] = await take()
  const labels = { 'onlyonce-consumer': 'le"dger', 'onlyonce-reason': 'poison' }
  expect(await queue.deadLetter(taken!.receipt, 'poison', labels)).toBe('ok')
  expect((await queue.deadLetters('ledger'))[0]?.headers).toEqual({ ...headers, ...labels })
  await queue.redrive('ledger')
  const [again] = await take()
  await queue.deadLetter(again!.receipt, 'again')
  expect((await queue.deadLetters('ledger'))[0]).toMatchObject({ headers: { ...headers, ...labels }, reason: 'again' })
})

it('a consumer says when a message was published, puts late ones aside, and names itself on them', async () => {
  const runtime = fakeRuntime()
  const { queue, add } = open({ runtime })
  const publishedAt = runtime.now()
  await add('old')
  await runtime.advance(2 * HOUR)
  await add('new')
  const once = onlyonce({ store: memoryStore({ runtime }), scope: 'shop', runtime, retentionMs: HOUR })
  const told: string[] = []
  const onEvent = (event: ConsumerEvent) => {
    if (event.type !== 'settled') return
    told.push(`${event.delivery.id} ${event.verdict.kind} ${(event.delivery.publishedAt ?? 0) - publishedAt}`)
  }
  const rules = { once, name: 'audit', delivers: 'at-least-once', handle: () => {}, onEvent } as const
  const consumer = consume({ ...rules, queue, from: 'ledger' })
  while (told.length < 2) await runtime.advance(50)
  await consumer.stop()
  expect(told.toSorted()).toEqual([`new ack ${2 * HOUR}`, 'old dead-letter 0'])
  const [dead] = await queue.deadLetters('ledger')
  expect(dead).toMatchObject({ id: 'old', reason: expect.stringContaining('late, unverifiable') })
  expect(dead?.headers).toEqual({
    'onlyonce-consumer': 'audit',
    'onlyonce-source': 'ledger',
    'onlyonce-reason': dead?.reason,
  })
})

it('never gives the position of one message to another', async () => {
  const { queue, add, take } = open()
  const bury = async () => queue.deadLetter((await take())[0]!.receipt, 'no')
  await add('one')
  await bury()
  const [listed] = await queue.deadLetters('ledger')
  await queue.redrive('ledger')
  await queue.ack((await take())[0]!.receipt)
  await add('another')
  await bury()
  expect(await queue.discard('ledger', [listed!.position])).toBe(0)
  expect(await queue.redrive('ledger', [listed!.position])).toBe(0)
  expect((await queue.deadLetters('ledger')).map(({ id }) => id)).toEqual(['another'])
})

it('keeps what is in a file of the first version, in its order', async () => {
  const path = tempFile()
  const database = (await loadDriver())(path)
  database.exec(`${CREATE_META}; INSERT INTO onlyonce_queue_meta VALUES ('schema_version', 1)`)
  for (const sql of MIGRATIONS[0] ?? []) database.exec(sql)
  const row = (at: number, state: string, id: string) =>
    `INSERT INTO onlyonce_queue (position, queue, state, visible_at, ordering_key, deliveries, id, topic, headers, created_at, body)
     VALUES (${at}, 'ledger', '${state}', 0, 'k', 0, '${id}', 'audit', '{}', 5, x'00')`
  database.exec([row(3, 'dead', 'dead'), row(7, 'ready', 'first'), row(9, 'behind', 'second')].join(';'))
  database.close()
  const { queue, add, take } = open({ path })
  await add(['third', 'k'])
  expect(await queue.deadLetters('ledger')).toMatchObject([{ id: 'dead', position: 3 }])
  for (const id of ['first', 'second', 'third']) {
    const [taken, ...more] = await take()
    expect([taken!.id, taken!.orderingKey, more]).toEqual([id, 'k', []])
    await queue.ack(taken!.receipt)
  }
})
