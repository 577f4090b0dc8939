import { spawn } from 'node:child_process'
import { once as nextEvent } from 'node:events'
import type { MessageView } from 'rocketmq-client-nodejs'
import { expect, it } from 'vitest'
import { deliveryOf } from '../../src/messaging/rocketmq/message.ts'
import { consume, ORDERING_KEY_HEADER, publisher } from '../../src/messaging/rocketmq.ts'
import { outbox, relay } from '../../src/outbox/outbox.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { bundled } from '../support/bundle.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { record } from './ledger-store.ts'
import { atLast, openDesk } from './rocketmq-helpers.ts'

const LONG = { timeout: 90_000 }

describeWith('rocketmq', (url) => {
  const rules = { name: 'ledger', delivers: 'exactly-once-effect', backoffMs: 20, maxBackoffMs: 100 } as const
  const message = (topic: string, id: string, more: object = {}) => ({
    ...{ id, topic, body: Buffer.from(`body of ${id}`), headers: {} },
    ...more,
  })

  it('answers for each message, and says which ones will never be taken', LONG, async () => {
    const { topic, producer, read } = await openDesk(url)
    const results = await publisher({ producer })([
      message(topic, 'good', { headers: { shop: 'é😀' } }),
      message(topic, 'with a blank'),
      message(topic, 'line', { headers: { text: 'one\ntwo' } }),
      message(topic, 'empty', { body: new Uint8Array() }),
      message(topic, 'huge', { body: new Uint8Array(5 << 20) }),
      message(topic, 'wide', { headers: { text: 'x'.repeat(17_000) } }),
      message('there_is_no_such_topic', 'lost'),
      message('no topic', 'odd'),
      message(topic, 'ordered', { orderingKey: 'x' }),
    ])
    expect(results.map((result) => (result.ok ? 'ok' : result.permanent ? 'never' : 'later'))).toEqual([
      ...['ok', 'ok', 'never', 'never', 'never', 'never', 'later', 'never', 'never'],
    ])
    expect(results[6]).toMatchObject({ reason: expect.stringContaining('there_is_no_such_topic') })
    const stored = (await read(2, topic)).toSorted((a, b) => (a.body.toString() < b.body.toString() ? -1 : 1))
    expect(stored.map(({ body, keys, properties }) => [body.toString(), keys, Object.fromEntries(properties)])).toEqual(
      [
        ['body of good', ['good'], { shop: 'é😀', 'onlyonce-id': 'good' }],
        ['body of with a blank', [], { 'onlyonce-id': 'with a blank' }],
      ],
    )
  })

  it('sends in order for each key, and nothing after a message that failed', LONG, async () => {
    const { topic, producer, read } = await openDesk(url, 'FIFO')
    let failing = true
    const unsteady = {
      send: (outgoing: Parameters<typeof producer.send>[0]) =>
        failing && outgoing.keys?.[0] === 'x1' ? Promise.reject(new Error('cut')) : producer.send(outgoing),
    }
    const publish = publisher({ producer: unsteady })
    const ordered = (id: string, orderingKey: string) => message(topic, id, { orderingKey })
    const batch = [ordered('x0', 'x'), ordered('x1', 'x'), ordered('y0', 'y'), ordered('x2', 'x'), ordered('y1', 'y')]
    const first = await publish(batch)
    expect(first.map(({ ok }) => ok)).toEqual([true, false, true, false, true])
    failing = false
    expect((await publish([batch[1]!, batch[3]!])).map(({ ok }) => ok)).toEqual([true, true])
    const stored = await read(5, topic)
    const of = (group: string) => stored.filter((one) => one.messageGroup === group).map(({ keys }) => keys[0])
    expect([of('x'), of('y')]).toEqual([
      ['x0', 'x1', 'x2'],
      ['y0', 'y1'],
    ])
    expect(stored[0]?.properties.get(ORDERING_KEY_HEADER)).toBe(stored[0]?.messageGroup)
  })

  it('a delayed message comes when its time has come', LONG, async () => {
    const { topic, producer, read } = await openDesk(url, 'DELAY')
    const sentAt = Date.now()
    const publish = publisher({ producer, delayMs: ({ id }) => (id === 'later' ? 2_000 : undefined) })
    expect(await publish([message(topic, 'later')])).toEqual([{ ok: true }])
    const [later] = await read(1, topic)
    expect(later?.keys).toEqual(['later'])
    expect(Date.now() - sentAt).toBeGreaterThan(1_000)
    // Nobody can have handled it before: it is not late because it had to wait.
    expect(deliveryOf(later as MessageView, false).publishedAt).toBeGreaterThanOrEqual(sentAt + 2_000)
  })

  it('a delayed message whose time is over comes at once', LONG, async () => {
    const { topic, producer, read } = await openDesk(url, 'DELAY')
    const delays: Record<string, number> = { now: 0, soon: 0.5, before: -60_000, never: Number.NaN }
    const publish = publisher({ producer, delayMs: ({ id }) => delays[id] })
    expect(await publish(Object.keys(delays).map((id) => message(topic, id)))).toEqual([
      ...[{ ok: true }, { ok: true }, { ok: true }],
      { ok: false, reason: '`delayMs` answered NaN: it has to be a number of milliseconds, or undefined' },
    ])
    expect((await read(3, topic)).map(({ keys }) => keys[0]).toSorted()).toEqual(['before', 'now', 'soon'])
  })

  it(
    'a relay killed between send and mark makes copies with the same ids, and each takes effect once',
    LONG,
    async () => {
      const { topic, once, store, path, producer, consumer, effects } = await openDesk(url)
      const box = outbox(store)
      const ids = Array.from({ length: 15 }, (_, i) => `e${i + 100}`)
      await store.transaction((tx) =>
        box.add(
          tx,
          ids.map((id) => ({ id, topic, body: { id }, orderingKey: id.slice(-1) })),
        ),
      )
      const worker = await bundled('test/integration/rocketmq-relay-worker.ts')
      for (let kills = 0; kills < 2; kills++) {
        const child = spawn(process.execPath, [worker, url, topic, path], { stdio: ['ignore', 'inherit', 'inherit'] })
        expect(await nextEvent(child, 'exit')).toEqual([null, 'SIGKILL'])
      }
      let sent = 0
      const publish = publisher({ producer, fifo: false })
      const publishing = relay({
        store,
        pollMs: 20,
        publish: async (batch) => {
          sent += batch.length
          return publish(batch)
        },
      })
      publishing.start()
      expect(await publishing.drained()).toBe(true)
      await publishing.stop()
      expect(sent).toBe(ids.length)
      let settled = 0
      const onEvent = ({ type }: { type: string }) => void (type === 'settled' && settled++)
      const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
      atLast(consume({ ...rules, once, producer, consumer, onEvent, handle }), (one) => one.stop())
      await until('the copies came too', () => settled >= ids.length + 2, 60_000)
      await until('all took effect', async () => (await effects()).length >= ids.length)
      expect((await effects()).toSorted()).toEqual(ids)
    },
  )

  it('a wrong option is refused', () => {
    const producer = { send: async () => {} }
    const refusal = (given: object) => {
      try {
        publisher(given as never)
        return 'accepted'
      } catch (error) {
        return String(error)
      }
    }
    expect(refusal({})).toContain('option `producer`')
    expect(refusal({ producer, fifo: 'yes' })).toContain('option `fifo`')
    expect(refusal({ producer, delayMs: 1_000 })).toContain('option `delayMs`')
    expect(refusal({ producer, timeoutMs: 5 })).toContain(
      'option `timeoutMs` is not an option; there are producer, fifo',
    )
  })
})
