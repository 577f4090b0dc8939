import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { type ConsumerEvent, consume } from '../../src/messaging/embedded-queue.ts'
import { bundled } from '../support/bundle.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { openShop } from './messaging-helpers.ts'

let worker = ''
beforeAll(async () => {
  worker = await bundled('test/integration/publish-once-worker.ts')
})

/** A shop, senders that are killed between sending and writing it down, and what stands in the queue. */
async function shop(url?: string) {
  const world = await openShop(worker)
  const storeUrl = url ?? `sqlite:${join(world.directory, 'sender.db')}?durability=normal`
  await world.queue.stats()
  const send = (method: string, mode: 'dies' | 'lives') => world.start(method, `${mode} ${storeUrl}`).over
  const waiting = async () => {
    const { ready = 0, behind = 0 } = (await world.queue.stats()).get('ledger') ?? {}
    return ready + behind
  }
  /** Handles everything in the queue, and answers what arrived. */
  async function consumeAll() {
    const expected = await waiting()
    const arrived: string[] = []
    const verdicts: string[] = []
    const onEvent = (event: ConsumerEvent) => {
      if (event.type !== 'settled') return
      const { id, body, headers, orderingKey } = event.delivery
      arrived.push(JSON.stringify([id, Buffer.from(body).toString(), headers, orderingKey]))
      verdicts.push(event.verdict.kind)
    }
    const consumer = consume({
      ...{ queue: world.queue, from: 'ledger', once: onlyonce({ store: world.store, scope: 'coupons' }), onEvent },
      name: 'ledger',
      delivers: 'exactly-once-effect',
      handle: (message, tx) => void tx.prepare('INSERT INTO effects (id) VALUES (?)').run(message.id),
    })
    await until('everything is settled', () => verdicts.length >= expected)
    await consumer.stop()
    expect(new Set(verdicts)).toEqual(new Set(['ack']))
    return arrived
  }
  return { ...world, send, waiting, consumeAll }
}

function cases(prefixed: () => string | undefined) {
  it('by state: what was sent and not written down is sent again under one id, and takes effect once', async () => {
    const { send, log, waiting, consumeAll, effects } = await shop(prefixed())
    await send('state', 'dies')
    await send('state', 'dies')
    expect(log()).toEqual([])
    await send('state', 'lives')
    await send('state', 'lives')
    expect(log()).toEqual(['sent', 'was there'])
    expect(await waiting()).toBe(3)
    const arrived = await consumeAll()
    expect(arrived).toHaveLength(3)
    expect(new Set(arrived).size).toBe(1)
    expect(await effects()).toHaveLength(1)
  }, 60_000)

  it("by state with onAbandoned: 'hold': it is never sent again, and a person is told", async () => {
    const { send, log, waiting } = await shop(prefixed())
    await send('hold', 'dies')
    await send('hold', 'lives')
    await send('hold', 'lives')
    expect(log()).toEqual(['OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN'])
    expect(await waiting()).toBe(1)
  }, 60_000)

  it('by both: the broker says that it is there, and nothing is sent again', async () => {
    const { send, log, waiting } = await shop(prefixed())
    await send('both', 'dies')
    await send('both', 'lives')
    await send('both', 'lives')
    expect(log()).toEqual(['was there', 'was there'])
    expect(await waiting()).toBe(1)
  }, 60_000)
}

describe('publishOnce, killed after the broker took the message', () => {
  describe('with its records in SQLite', () => {
    cases(() => undefined)

    it('by judgement: the broker says that it is there, and nothing is sent again', async () => {
      const { send, log, waiting } = await shop()
      await send('judgement', 'dies')
      await send('judgement', 'lives')
      expect(log()).toEqual(['was there'])
      expect(await waiting()).toBe(1)
    }, 60_000)

    it('by judgement: two processes at once may both send, under one id', async () => {
      const { send, waiting, consumeAll, effects } = await shop()
      await Promise.all([send('judgement', 'lives'), send('judgement', 'lives')])
      expect([1, 2]).toContain(await waiting())
      expect(new Set(await consumeAll()).size).toBe(1)
      expect(await effects()).toHaveLength(1)
    }, 60_000)

    it('by state: eight processes at once send once', async () => {
      const { send, log, waiting } = await shop()
      await Promise.all(Array.from({ length: 8 }, () => send('state', 'lives')))
      expect(log().sort()).toEqual(['sent', ...Array(7).fill('was there')])
      expect(await waiting()).toBe(1)
    }, 60_000)
  })

  describeWith('redis', (url) => {
    let shops = 0
    describe('with its records in Redis', () => {
      cases(() => `${url}?prefix=po${process.pid}-${Date.now()}-${shops++}`)
    })
  })
})
