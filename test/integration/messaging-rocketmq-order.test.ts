import { expect, it } from 'vitest'
import { consume, ORDERING_KEY_HEADER } from '../../src/messaging/rocketmq.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { createGroup } from '../support/rocketmq.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { names, stumbling } from './ledger.ts'
import { record } from './ledger-store.ts'
import { atLast, openDesk } from './rocketmq-helpers.ts'

const LONG = { timeout: 90_000 }
const KEYS = ['x', 'y', 'z']

describeWith('rocketmq', (url) => {
  const rules = { name: 'ledger', delivers: 'exactly-once-effect', backoffMs: 20, maxBackoffMs: 100 } as const

  it('a FIFO topic: two processes handle each group in order, also when some fail first', LONG, async () => {
    const { once, group, producer, consumer, publish, effects } = await openDesk(url, 'FIFO')
    await createGroup(url, group, { inOrder: true })
    for (let i = 100; i < 110; i++) for (const key of KEYS) await publish([`${key}${i}`], { messageGroup: key })
    const handle = stumbling()
    for (const concurrency of [2, 3]) {
      const options = { ...rules, once, producer, consumer, concurrency, handle }
      atLast(consume(options), (one) => one.stop())
    }
    await until('all took effect', async () => (await effects()).length >= 30, 60_000)
    const done = await effects()
    for (const key of KEYS) expect(done.filter((id) => id.startsWith(key))).toEqual(names(key, 10))
  })

  it('a NORMAL topic: one consumer handles each ordering key in order, also when some fail first', LONG, async () => {
    const { once, producer, consumer, publish, effects } = await openDesk(url)
    for (let i = 100; i < 110; i++)
      for (const key of KEYS) await publish([`${key}${i}`], { properties: new Map([[ORDERING_KEY_HEADER, key]]) })
    const handle = stumbling()
    atLast(consume({ ...rules, once, producer, consumer, handle }), (one) => one.stop())
    await until('all took effect', async () => (await effects()).length >= 30, 60_000)
    const done = await effects()
    for (const key of KEYS) expect(done.filter((id) => id.startsWith(key))).toEqual(names(key, 10))
  })

  it('a stop finishes what began and gives the rest back, in order', LONG, async () => {
    const { once, group, producer, consumer, publish, effects } = await openDesk(url, 'FIFO')
    await createGroup(url, group, { inOrder: true })
    const ids = names('m', 12)
    await publish(ids, { messageGroup: 'x' })
    let began = 0
    const handle = async ({ id }: { id: string }, tx: SqliteTx) => {
      began++
      await sleepMs(300)
      record(id, tx)
    }
    // What was not given back would not come again before the end of the test.
    const kept = { visibilityMs: 120_000 }
    const first = consume({ ...rules, ...kept, once, producer, consumer, concurrency: 3, handle })
    await until('some began', () => began === 2)
    await first.stop()
    expect(await effects()).toEqual(ids.slice(0, began))
    expect(began).toBeLessThan(5)
    const second = {
      ...rules,
      once,
      producer,
      consumer,
      handle: ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx),
    }
    atLast(consume(second), (one) => one.stop())
    await until('the rest took effect', async () => (await effects()).length >= ids.length, 30_000)
    expect(await effects()).toEqual(ids)
  })
})
