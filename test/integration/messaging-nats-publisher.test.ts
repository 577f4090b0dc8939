import { jetstream } from '@nats-io/jetstream'
import { headers } from '@nats-io/transport-node'
import { expect, it } from 'vitest'
import { alreadyPublished, consume, ORDERING_KEY_HEADER, publisher } from '../../src/messaging/nats.ts'
import { outbox } from '../../src/outbox/outbox.ts'
import { relay } from '../../src/outbox/relay.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { tidily } from '../support/leftovers.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { clientOf, open, openDesk } from './nats-helpers.ts'

const LONG = { timeout: 60_000 }
const bytes = (text: string) => new TextEncoder().encode(text)

describeWith('nats', (url) => {
  async function openShop() {
    const desk = await openDesk(url)
    const publish = publisher({ jetstream: desk.client, headers, timeoutMs: 2_000 })
    const message = (id: string, more: object = {}) => ({
      ...{ id, topic: desk.subject, body: bytes(`body of ${id}`), headers: {} },
      ...more,
    })
    return { ...desk, publish, message }
  }

  it('publishes with id, headers and ordering key, and answers for each message', LONG, async () => {
    const { publish, message, manager, stream } = await openShop()
    const results = await publish([
      message('a', { headers: { trace: 'ü' }, orderingKey: 'k' }),
      message('b', { topic: 'nowhere.at.all' }),
      message('c', { topic: 'not a subject' }),
      message('d', { topic: `${stream}.*` }),
      message('e', { body: new Uint8Array(2 ** 20 + 1) }),
      message('f', { headers: { trace: 'two\r\nlines' } }),
      message(' g'),
      message('h'),
    ])
    expect(results).toEqual([
      { ok: true },
      { ok: false, reason: 'no stream takes the subject "nowhere.at.all"' },
      { ok: false, permanent: true, reason: expect.stringContaining('"not a subject" is not a subject') },
      { ok: false, permanent: true, reason: expect.stringContaining('is not a subject') },
      { ok: false, permanent: true, reason: expect.stringContaining('max_payload') },
      { ok: false, permanent: true, reason: expect.stringContaining('cannot contain') },
      { ok: false, permanent: true, reason: expect.stringContaining('begins or ends with a blank') },
      { ok: true },
    ])
    const { state } = await manager.streams.info(stream)
    expect(state.messages).toBe(2)
    await manager.streams.update(stream, { max_msg_size: 200 })
    expect(await publish([message('i', { body: new Uint8Array(300) }), message('j')])).toEqual([
      { ok: false, permanent: true, reason: expect.stringContaining('size') },
      { ok: true },
    ])
    const stored = await manager.streams.getMessage(stream, { seq: 1 })
    const first =
      stored?.header?.get('Nats-Msg-Id') === 'a' ? stored : await manager.streams.getMessage(stream, { seq: 2 })
    expect(first?.header?.get('trace')).toBe('ü')
    expect(first?.header?.get(ORDERING_KEY_HEADER)).toBe('k')
    expect(first?.string()).toBe('body of a')
  })

  it('a header that is an order to the server is refused for good, and nothing is rolled up', LONG, async () => {
    const { publish, message, manager, stream } = await openShop()
    const results = await publish([message('a'), message('b')])
    expect(results).toEqual([{ ok: true }, { ok: true }])
    const orders = [{ 'Nats-Rollup': 'all' }, { 'nats-expected-stream': 'OTHER' }, { 'Nats-TTL': '1s' }]
    expect(await publish(orders.map((own, at) => message(`c${at}`, { headers: own })))).toEqual(
      orders.map((own) => ({
        ok: false,
        permanent: true,
        reason: `its header ${Object.keys(own)[0]} is an order to NATS: rename it`,
      })),
    )
    // That of a message that is passed on: it is known by its own id.
    expect(await publish([message('d', { headers: { 'Nats-Msg-Id': 'other' } })])).toEqual([{ ok: true }])
    expect((await manager.streams.info(stream)).state.messages).toBe(3)
  })

  it('a copy of what is stored is ok, and stored once; another body under its id is not', LONG, async () => {
    const { publish, message, manager, stream } = await openShop()
    expect(await publish([message('a')])).toEqual([{ ok: true }])
    expect(await publish([message('a')])).toEqual([{ ok: true }])
    expect(await publish([message('a', { body: bytes('another') })])).toEqual([
      { ok: false, permanent: true, reason: expect.stringContaining('another body under its id') },
    ])
    expect((await manager.streams.info(stream)).state.messages).toBe(1)
  })

  it.each(['purged', 'deleted'])('one that was %s within the duplicate window is not ok', LONG, async (how) => {
    const { publish, message, manager, stream } = await openShop()
    await publish([message('a')])
    if (how === 'purged') await manager.streams.purge(stream)
    else await manager.streams.deleteMessage(stream, 1)
    expect(await publish([message('a'), message('b')])).toEqual([
      { ok: false, reason: expect.stringContaining('which is not there') },
      { ok: true },
    ])
  })

  it('is ok after the window, when it is stored again', LONG, async () => {
    const { publish, message, manager, stream } = await openShop()
    await manager.streams.update(stream, { duplicate_window: 500_000_000 })
    await publish([message('a')])
    await manager.streams.purge(stream)
    await until('it is taken again', async () => (await publish([message('a')]))[0]?.ok === true)
    expect((await manager.streams.info(stream)).state.messages).toBe(1)
  })

  it('one whose confirmation is lost is not ok, and its copy is stored once', LONG, async () => {
    const { message, manager, stream } = await openShop()
    const proxy = tidily(await createProxy(Number(new URL(url).port)), (one) => one.close())
    const connection = await open(`nats://127.0.0.1:${proxy.port}`)
    const publish = publisher({ jetstream: jetstream(connection), headers, timeoutMs: 1_500 })
    proxy.onReply = (chunk) => (chunk.includes('"stream"') ? 'cut' : undefined)
    expect(await publish([message('a')])).toMatchObject([{ ok: false, unknown: true }])
    proxy.onReply = undefined
    await until('it is confirmed', async () => (await publish([message('a')]))[0]?.ok === true)
    expect((await manager.streams.info(stream)).state.messages).toBe(1)
  })

  it('asks the stream whether a key was published', LONG, async () => {
    const { client, stream, manager } = await openShop()
    const isPublished = alreadyPublished({ jetstream: client, stream, subject: (key) => `${stream}.paid.${key}` })
    expect(await isPublished('1100')).toBe(false)
    await client.publish(`${stream}.paid.1100`, 'x')
    expect(await isPublished('1100')).toBe(true)
    expect(await isPublished('1101')).toBe(false)
    await expect(isPublished('*')).rejects.toMatchObject({ code: 'KEY_INVALID' })
    await manager.streams.purge(stream)
    expect(await isPublished('1100')).toBe(false)
  })

  it('a relay that dies between send and mark leads to one effect', LONG, async () => {
    const { publish, store, once, connection, stream, subject, effects, manager } = await openShop()
    // The duplicate window is over before the next relay comes.
    await manager.streams.update(stream, { duplicate_window: 100_000_000 })
    const box = outbox(store)
    await store.transaction(async (tx) => {
      for (const id of ['a', 'b', 'c']) await box.add(tx, { id, topic: subject, body: { id }, orderingKey: 'k' })
    })
    const first = relay({
      store,
      leaseMs: 500,
      publish: async (batch) => {
        await publish(batch)
        // As dead as it gets without a process of its own: it sent, and never marks.
        return new Promise(() => {})
      },
    })
    first.start()
    await until('the first is sent', async () => (await manager.streams.info(stream)).state.messages > 0)
    void first.stop()
    await until('the window is over', async () => {
      const copy = headers()
      copy.set('Nats-Msg-Id', 'probe')
      return !(await jetstream(connection).publish(`${stream}.probe`, '', { headers: copy })).duplicate
    })
    const second = tidily(relay({ store, publish, pollMs: 50 }), (one) => one.stop())
    second.start()
    await second.drained()
    expect((await manager.streams.info(stream)).state.messages).toBeGreaterThan(3)
    const handle = ({ id }: { id: string }, tx: SqliteTx) =>
      void tx.prepare('INSERT INTO effects (id) VALUES (?)').run(id)
    const settled: string[] = []
    const consumer = consume({
      ...{ name: 'ledger', delivers: 'exactly-once-effect', once, stream, subject, handle },
      ...clientOf(connection),
      onEvent: (event) => void (event.type === 'settled' && settled.push(event.verdict.kind)),
    } as const)
    tidily(consumer, (one) => one.stop())
    await until('all are settled', () => settled.length >= 4)
    expect(settled.every((kind) => kind === 'ack')).toBe(true)
    expect(await effects()).toEqual(['a', 'b', 'c'])
  })
})
