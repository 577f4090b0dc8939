import { describe, expect, it } from 'vitest'
import { OK, paid, setup } from '../../test/publish-once-kit.ts'
import { onlyonce } from '../core/engine.ts'
import { NotPublished, publishOnce } from './outbox.ts'

describe('publishOnce by state', () => {
  it('sends the first time and never again, in this process or another', async () => {
    const { state, sent } = setup()
    const first = await state()('order:1100', paid)
    expect(first).toEqual({ id: expect.stringMatching(/^[0-9a-f]{32}$/), duplicate: false })
    for (let i = 0; i < 2; i++) expect(await state()('order:1100', paid)).toEqual({ id: first.id, duplicate: true })
    const body = new TextEncoder().encode('{"order":"1100"}')
    expect(sent).toEqual([{ ...paid, id: first.id, body }])
  })

  it('gives each key its own id and takes one that is given', async () => {
    const { state, sent } = setup()
    const publish = state()
    const one = await publish('order:1', paid)
    const other = await publish('order:2', paid)
    expect(one.id).not.toBe(other.id)
    expect(await publish('order:3', { ...paid, id: 'e3' })).toEqual({ id: 'e3', duplicate: false })
    expect(sent.map(({ id }) => id)).toEqual([one.id, other.id, 'e3'])
  })

  it.each([
    ['body', { body: { order: '9' } }],
    ['topic', { topic: 'order-cancelled' }],
    ['ordering key', { orderingKey: 'else' }],
    ['id', { id: 'e9' }],
  ])('refuses the same key with another %s and leaves the record alone', async (_, change) => {
    const { state, sent } = setup()
    await state()('order:1100', paid)
    await expect(state()('order:1100', { ...paid, ...change })).rejects.toMatchObject({ code: 'KEY_REUSED' })
    expect((await state()('order:1100', paid)).duplicate).toBe(true)
    expect(sent).toHaveLength(1)
  })

  it('does not mind other headers: those of a trace differ from call to call', async () => {
    const { state, sent } = setup()
    await state()('order:1100', paid)
    expect((await state()('order:1100', { ...paid, headers: { traceparent: '2' } })).duplicate).toBe(true)
    expect(sent).toHaveLength(1)
  })

  it('does not meet what the engine did for the same key', async () => {
    const { once, state, sent } = setup()
    await once('order:1100', () => 'charged')
    expect((await state()('order:1100', paid)).duplicate).toBe(false)
    expect(sent).toHaveLength(1)
  })

  it('lets one of many callers at the same time send, and treats the others as the engine does', async () => {
    const { state, store, runtime, publish, sent } = setup()
    const slow = (onInFlight: 'reject' | 'wait') =>
      state({
        onInFlight,
        publish: (batch) => new Promise((done) => void runtime.after(1_000, () => done(publish(batch)))),
      })
    const first = slow('wait')('order:1100', paid)
    const second = slow('wait')('order:1100', paid)
    await runtime.advance(100)
    await expect(slow('reject')('order:1100', paid)).rejects.toMatchObject({ code: 'IN_FLIGHT' })
    const elsewhere = publishOnce({ once: onlyonce({ store, scope: 'shop', runtime }), publish, onInFlight: 'wait' })
    const third = elsewhere('order:1100', paid)
    await runtime.advance(5_000)
    expect((await Promise.all([first, second, third])).map(({ duplicate }) => duplicate)).toEqual([false, true, true])
    expect(sent).toHaveLength(1)
  })

  it('sends again, with the same bytes and id, after a refusal', async () => {
    const { state, sent } = setup([{ ok: false, reason: 'queue is full' }, OK])
    const failed = state()('order:1100', paid)
    await expect(failed).rejects.toMatchObject({ code: 'REFUSED', message: expect.stringContaining('queue is full') })
    expect((await state()('order:1100', paid)).duplicate).toBe(false)
    expect(sent).toHaveLength(2)
    expect(sent[1]).toEqual(sent[0])
  })

  it('remembers what the broker never takes, until it is forgotten', async () => {
    const { state, once, sent } = setup([{ ok: false, reason: 'too large', permanent: true }, OK])
    for (let i = 0; i < 3; i++) {
      const error = await state()('order:1100', paid).catch((thrown: unknown) => thrown)
      expect(NotPublished.is(error)).toBe(true)
      expect(error).toMatchObject({ code: 'REFUSED_FOR_GOOD', message: expect.stringContaining('too large') })
    }
    expect(sent).toHaveLength(1)
    expect(await once.forget({ key: 'order:1100', scope: 'shop/publish' })).toBe(true)
    expect((await state()('order:1100', paid)).duplicate).toBe(false)
  })

  it.each(['throw', 'silence', 'nothing'] as const)(
    'sends again at once, under the same id, when it is not known (%s)',
    async (answer) => {
      const { state, sent, runtime } = setup([answer, OK])
      const failed = state({ publishTimeoutMs: 1_000 })('order:1100', paid).catch((error: unknown) => error)
      await runtime.advance(1_001)
      expect(await failed).toMatchObject({ code: 'UNKNOWN' })
      expect((await state()('order:1100', paid)).duplicate).toBe(false)
      expect(sent[1]).toEqual(sent[0])
    },
  )

  it.each([
    ['throws', 'throw', 'connection reset'],
    ['says that it does not know', { ok: false, reason: 'timeout', unknown: true }, 'timeout'],
  ] as const)(
    "never sends again under onAbandoned: 'hold' where the publisher %s: a person decides",
    async (_, answer, reason) => {
      const { state, sent, runtime } = setup([answer, OK], { leaseMs: 3_000 })
      const publish = state({ onAbandoned: 'hold' })
      const failed = { code: 'UNKNOWN', message: expect.stringContaining(`is not known (${reason})`) }
      await expect(publish('order:1100', paid)).rejects.toMatchObject(failed)
      await expect(publish('order:1100', paid)).rejects.toMatchObject({ code: 'IN_FLIGHT' })
      await runtime.advance(3_001)
      for (let i = 0; i < 2; i++)
        await expect(publish('order:1100', paid)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
      expect(sent).toHaveLength(1)
    },
  )

  it('sends again at once what is unknown by default, and what is never taken where nobody knows', async () => {
    const lost = { ok: false, reason: 'timeout', unknown: true, permanent: true } as const
    const { state, sent } = setup([lost, OK])
    await expect(state()('order:1100', paid)).rejects.toMatchObject({ code: 'UNKNOWN' })
    expect((await state()('order:1100', paid)).duplicate).toBe(false)
    expect(sent[1]).toEqual(sent[0])
  })

  it.each([undefined, { offset: 7 }])('is settled by reconcile, whatever that knows of it (%j)', async (value) => {
    const { state, sent, runtime } = setup(['throw', OK], { leaseMs: 3_000 })
    const publish = state({ onAbandoned: () => ({ happened: true, value }) })
    await expect(publish('order:1100', paid)).rejects.toMatchObject({ code: 'UNKNOWN' })
    await runtime.advance(3_001)
    expect(await publish('order:1100', paid)).toEqual({ id: sent[0]?.id, duplicate: true })
    expect(sent).toHaveLength(1)
  })

  it('is not led astray by what the engine does with effects of its own', async () => {
    const { state, sent } = setup([OK], { onDuplicate: 'reject', onStoreDown: 'run' })
    expect(await state()('order:1100', paid)).toMatchObject({ duplicate: false })
    expect(await state()('order:1100', paid)).toMatchObject({ duplicate: true })
    expect(sent).toHaveLength(1)
    const down = setup([OK], { onStoreDown: 'run' })
    down.store.claim = () => Promise.reject(new Error('down'))
    const asked = down
      .state()('order:1100', paid)
      .catch((error: unknown) => error)
    await down.runtime.advance(10_000)
    expect(await asked).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(down.sent).toEqual([])
  })

  it('sends nothing while the store is down', async () => {
    const { state, store, sent, runtime } = setup()
    store.claim = () => Promise.reject(new Error('connection refused'))
    const failed = state()('order:1100', paid).catch((error: unknown) => error)
    await runtime.advance(10_000)
    expect(await failed).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(sent).toEqual([])
  })
})
